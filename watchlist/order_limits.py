"""The trading settings that limit orders: max_daily_loss and max_positions.

An order that only reduces a position passes both. What they need and nobody can tell refuses an order that does not.
The settings are read from the database, the account as the cache has it: its books are invalidated by every order.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import partial

from broker import gateway
from broker.errors import BrokerError, OrderOverLimit
from broker.order_guards import Proposal, Recheck, UnlistedOrder
from broker.values import Contract, Holding, Order, Position
from watchlist.models import TradingSetting

MAX_DAILY_LOSS, MAX_POSITIONS = "max_daily_loss", "max_positions"
DELIVERED = ("DELIVERY", "BNPL")  # sold from the holdings, never short
Instrument = tuple[str, str]  # exchange and instrument id


def check(proposal: Proposal) -> Recheck | None:
    """Raise OrderOverLimit for an order that the settings rule out.

    What it returns checks max_positions again, beside the orders that the books do not show yet.
    """
    limits = {row.key: row.typed for row in TradingSetting.objects.filter(key__in=(MAX_DAILY_LOSS, MAX_POSITIONS))}
    loss_limit, most_positions = limits.get(MAX_DAILY_LOSS), limits.get(MAX_POSITIONS)
    for cap in (cap for cap, limit in limits.items() if limit is None):
        _require(cap, None, proposal)
    if isinstance(loss_limit, Decimal) and loss_limit < 1:
        _require(MAX_DAILY_LOSS, loss_limit, proposal)
    return _require(MAX_POSITIONS, most_positions, proposal) if isinstance(most_positions, int) else None


def _require(cap: str, limit: Decimal | int | None, proposal: Proposal) -> Recheck | None:
    try:
        positions = gateway.positions().value
        if _reduces(proposal, positions):
            return None
        if limit is None:
            sentence = f"the setting {cap} cannot be read. Correct it at /api/settings/{cap}."
            raise OrderOverLimit(cap, None, None, f"{sentence} Orders that reduce a position are accepted.")
        if cap == MAX_POSITIONS:
            return _require_free_position(int(limit), proposal.contract, positions)
        _require_loss_below(Decimal(limit), positions)
        return None
    except OrderOverLimit:
        raise
    except BrokerError as error:
        sentence = f"the account cannot be read, so it is not known whether the order is within it. {error}"
        raise OrderOverLimit(cap, None, limit, sentence) from error


def _reduces(proposal: Proposal, positions: Iterable[Position]) -> bool:
    """Whether the order can only make a position smaller, or sell shares that are held."""
    contract, params = proposal.contract, proposal.params
    quantity = params.quantity - proposal.filled
    net = sum(row.net_quantity for row in positions if _is_of(row, contract) and row.product == params.product)
    if params.side == "BUY":
        return quantity <= -net
    if quantity <= net:
        return True
    if params.product not in DELIVERED:
        return False
    held = sum(row.held_quantity for row in gateway.holdings().value if _is_held(row, contract))
    return quantity <= held + net


def _require_free_position(limit: int, contract: Contract, positions: Iterable[Position]) -> Recheck:
    """Count the instruments with an open position, or with a working order that may open one."""
    taken = {
        (row.exchange, row.instrument_id)
        for row in positions
        if row.net_quantity > 0 or (row.net_quantity < 0 and row.product not in DELIVERED)
    }
    working = [order for order in gateway.orders().value if not order.status.is_final]
    taken |= {(row.exchange, row.instrument_id) for row in working if _may_open(row)}
    require_beside = partial(_require_free_position_beside, limit, (contract.exchange, contract.instrument_id), taken)
    require_beside(())
    return require_beside


def _require_free_position_beside(
    limit: int, instrument: Instrument, taken: set[Instrument], unlisted: Sequence[UnlistedOrder]
) -> None:
    taken = taken | {(order.exchange, order.instrument_id) for order in unlisted if _may_open(order)}
    count = len(taken | {instrument})
    if count > limit and instrument not in taken:
        sentence = f"this would be position number {count}, open orders counted; {limit} are allowed."
        raise OrderOverLimit(MAX_POSITIONS, count, limit, f"{sentence} Orders that reduce a position are accepted.")


def _may_open(order: Order | UnlistedOrder) -> bool:
    return not (order.side == "SELL" and order.product in DELIVERED)


def _require_loss_below(limit: Decimal, positions: list[Position]) -> None:
    holdings = [row for row in gateway.holdings().value if row.held_quantity > 0]
    rows: list[Holding | Position] = [*holdings, *positions]
    rows = gateway.priced(rows)
    unknown = sorted({row.symbol or row.trading_symbol for row in rows if row.day_pnl is None})
    if unknown:
        sentence = f"the day's P&L is not known of {', '.join(unknown)}."
        raise OrderOverLimit(MAX_DAILY_LOSS, None, limit, f"{sentence} Orders that reduce a position are accepted.")
    loss = -sum((row.day_pnl for row in rows if row.day_pnl is not None), Decimal(0))
    if loss <= 0:
        return
    capital = _capital([row for row in rows if isinstance(row, Holding)])
    if capital is None or capital <= 0:
        sentence = "the account has lost money today, and its capital is not known."
        raise OrderOverLimit(MAX_DAILY_LOSS, None, limit, f"{sentence} Orders that reduce a position are accepted.")
    if loss >= limit * capital:
        share = round(loss / capital, 4)
        sentence = f"the account has lost {share:.2%} of its capital today; {limit:.2%} may be lost."
        raise OrderOverLimit(MAX_DAILY_LOSS, share, limit, f"{sentence} Orders that reduce a position are accepted.")


def _capital(holdings: list[Holding]) -> Decimal | None:
    """What the account was worth when the day began: its shares, and its funds without what is lent on the shares."""
    funds = gateway.margins().value
    if funds.trading_limit is None or funds.collateral_margin is None:
        return None
    shares = sum(((row.value or Decimal(0)) - (row.day_pnl or Decimal(0)) for row in holdings), Decimal(0))
    return shares + funds.trading_limit - funds.collateral_margin


def _is_of(row: Position, contract: Contract) -> bool:
    return (row.exchange, row.instrument_id) == (contract.exchange, contract.instrument_id)


def _is_held(row: Holding, contract: Contract) -> bool:
    if contract.exchange == "BSEEQ":
        return row.bse_instrument_id == contract.instrument_id
    return row.exchange == contract.exchange and row.instrument_id == contract.instrument_id
