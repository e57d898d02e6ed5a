"""This site's own caps on orders: the value of an order, its distance from the last price, and orders a day.

If something that a cap needs is unknown, the order is refused, and the error says what.
"""

from decimal import Decimal

from broker import clock, conf, quotes
from broker.errors import BrokerError, OrderOverLimit
from broker.models import OrderRequest
from broker.money import WIDE, percent, rupees
from broker.orders.rules import QUANTITY_IN_LOTS
from broker.values import Contract, OrderParams

MAX_VALUE, PRICE_BAND, MAX_PER_DAY = "ORDER_MAX_VALUE", "ORDER_PRICE_BAND", "ORDER_MAX_PER_DAY"
BANDED = ("price", "trigger_price")
Action, State = OrderRequest.Action, OrderRequest.State


def require_within_caps(params: OrderParams, contract: Contract, prices: tuple[str, ...] = BANDED) -> None:
    """Raise OrderOverLimit for an order that is worth too much, or whose `prices` are too far off the last price."""
    last_price, why_not = _last_price(contract)
    _require_value(params, contract, last_price, why_not)
    _require_band(params, contract, last_price, why_not, prices)


def require_daily_share(user_id: int) -> None:
    """Raise OrderOverLimit if the user has made as many orders and changes today as one may.

    Call it in the transaction that records the request, under the account's lock (request_log.py).
    """
    today = clock.start_of_day(clock.now())
    made = OrderRequest.objects.filter(
        client_id=conf.client_id(), user_id=user_id, action__in=(Action.PLACE, Action.CHANGE), tried_at__gte=today
    ).exclude(state=State.NOT_SENT)
    count, limit = made.count() + 1, conf.order_max_per_day()
    if count > limit:
        raise OrderOverLimit(
            MAX_PER_DAY, count, limit, f"this would be your order or change number {count} today; {limit} are allowed."
        )


def _require_value(params: OrderParams, contract: Contract, last_price: Decimal | None, why_not: str) -> None:
    limit = conf.order_max_value()
    price, units = _highest_fill(params, last_price), _units(params, contract)
    if price is None or units is None:
        why = why_not if price is None else f"the contract file has no lot size for {contract.trading_symbol}"
        sentence = f"the value of the order is not known, because {why}; at most {limit} rupees are allowed."
        raise OrderOverLimit(MAX_VALUE, None, limit, sentence)
    value = WIDE.multiply(price, units)
    if value > limit:
        shown = rupees(value)
        sentence = f"the order is worth {shown} rupees; at most {limit} are allowed."
        raise OrderOverLimit(MAX_VALUE, shown, limit, sentence)


def _require_band(
    params: OrderParams, contract: Contract, last_price: Decimal | None, why_not: str, prices: tuple[str, ...]
) -> None:
    limit = conf.order_price_band()
    for name in prices:
        price = getattr(params, name)
        if price is None:
            continue
        if last_price is None:
            sentence = (
                f"how far the {name} is off the last price is not known, because {why_not}; {limit} % are allowed."
            )
            raise OrderOverLimit(PRICE_BAND, None, limit, sentence)
        distance = abs(price - last_price)
        if distance * 100 > last_price * limit:
            off = percent(distance, last_price)
            sentence = f"the {name} {price} is {off} % off the last price {last_price}; {limit} % are allowed."
            raise OrderOverLimit(PRICE_BAND, off, limit, sentence)


def _highest_fill(params: OrderParams, last_price: Decimal | None) -> Decimal | None:
    """The highest price at which the order is likely to be filled, in rupees; None if it is not known.

    A BUY is filled at its price at the most, and a MARKET one at the end of its protection. A SELL is filled at its
    price or better.
    """
    if params.side == "BUY" and params.price is not None:
        return params.price
    if last_price is None:
        return None
    if params.price is not None:
        return max(params.price, last_price)
    protection = params.market_protection_percent or Decimal(0)
    return last_price * (100 + protection) / 100 if params.side == "BUY" else last_price


def _units(params: OrderParams, contract: Contract) -> int | None:
    """How many rupees the order is worth at a price of one; None if it is not known."""
    if contract.exchange not in QUANTITY_IN_LOTS:
        return params.quantity
    return params.quantity * contract.lot_size if contract.lot_size else None


def _last_price(contract: Contract) -> tuple[Decimal | None, str]:
    """The last price, or None and why it is not known."""
    if not quotes.can_be_quoted(contract):
        return None, f"{contract.trading_symbol} is no instrument that the broker quotes"
    try:
        (quote,) = quotes.quotes_of([contract])
    except BrokerError as error:
        return None, f"the last price of {contract.trading_symbol} cannot be read ({str(error).rstrip('.')})"
    if quote is None or quote.value.ltp <= 0:
        return None, f"the broker has no last price of {contract.trading_symbol}"
    return quote.value.ltp, ""
