"""The one computation of value and P&L: holdings, positions, summary and risk take their figures from here.

Amounts are rounded to the paisa row by row, so that the totals shown are the sums of the rows shown. What cannot be
computed is None.
"""

from decimal import Decimal
from typing import TypeVar

import msgspec

from broker import money
from broker.values import Holding, Position, Quote

R = TypeVar("R", bound=Holding | Position)
NOTHING = Decimal("0.00")


def priced(row: R, quote: Quote | None) -> R:
    """Return the row with its value and P&L at the quote's price; without a quote it is valued at its last close."""
    last_close = (quote and quote.previous_close) or row.previous_close
    ltp = quote.ltp if quote else None
    units = _units(row)
    value = _product(units, ltp if ltp is not None else last_close)
    pnl = row.pnl if _is_closed(row) else _difference(value, row.invested)
    day_pnl = _day_pnl(row, units, ltp, last_close, pnl)
    return msgspec.structs.replace(
        row,
        ltp=ltp,
        quoted_at=quote.quoted_at if quote else None,
        value=value,
        pnl=pnl,
        pnl_percent=_gain_percent(pnl, row.invested, units),
        day_pnl=day_pnl,
        day_pnl_percent=_gain_percent(day_pnl, _difference(value, day_pnl), units),
    )


def day_change(ltp: Decimal, previous_close: Decimal | None) -> tuple[Decimal | None, Decimal | None]:
    """Return the change of a price since the close before, in rupees and in per cent of that close."""
    if not previous_close:
        return None, None
    change = money.price(ltp - previous_close, money.places(ltp))
    return change, money.percent(change, previous_close)


def _is_closed(row: Holding | Position) -> bool:
    return isinstance(row, Position) and not row.net_quantity


def _units(row: Holding | Position) -> Decimal | None:
    """How much of the price the row gains when the price rises by one rupee."""
    if isinstance(row, Holding):
        return Decimal(row.held_quantity)
    if not row.net_quantity:
        return NOTHING
    return None if row.multiplier is None else money.WIDE.multiply(row.net_quantity, row.multiplier)


def _day_pnl(
    row: Holding | Position,
    units: Decimal | None,
    ltp: Decimal | None,
    last_close: Decimal | None,
    pnl: Decimal | None,
) -> Decimal | None:
    """Compute what today changed: the price of what was carried, and the trades of today."""
    if isinstance(row, Holding):
        return _difference(_product(units, ltp), _product(units, last_close))
    if ltp is None and row.net_quantity:
        return None
    if row.overnight_quantity == 0:
        return pnl  # all of it is of today
    if row.overnight_quantity is None or row.day_buy_value is None or row.day_sell_value is None:
        return None
    carried = _product(Decimal(row.overnight_quantity), last_close)
    if carried is None or row.multiplier is None:
        return None
    start = money.rupees(money.WIDE.multiply(carried + row.day_buy_value - row.day_sell_value, row.multiplier))
    return _difference(NOTHING if _is_closed(row) else _product(units, ltp), start)


def _product(units: Decimal | None, price: Decimal | None) -> Decimal | None:
    if units is not None and not units:
        return NOTHING
    return None if units is None or price is None else money.rupees(money.WIDE.multiply(units, price))


def _difference(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else money.rupees(money.WIDE.subtract(one, other))


def _gain_percent(gain: Decimal | None, base: Decimal | None, units: Decimal | None) -> Decimal | None:
    """Return None for a base that is not on the side of the units: gains taken out exceed what was put in."""
    if gain is None or base is None or units is None or base * units <= 0:
        return None
    return money.percent(gain, abs(base))
