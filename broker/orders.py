"""Placing, changing and cancelling orders: checked, recorded, sent once, and what they move dropped from the cache."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from broker import conf, gateway, order_log, order_rules, tokens
from broker.client import default_client
from broker.errors import (
    BrokerError,
    InvalidOrder,
    KeyReused,
    OrderNotInBook,
    OrderOutcomeUnknown,
    OrderRefused,
    OrderUnderWay,
    TradingDisabled,
    UnknownOrder,
)
from broker.models import OrderRequest
from broker.order_log import Wish
from broker.transport import Ready
from broker.values import Contract, Order, OrderChange, OrderReceipt, WantedOrder

Action, State = OrderRequest.Action, OrderRequest.State
Send = Callable[[OrderRequest, Ready], OrderReceipt]


class Done(NamedTuple):
    """An accepted request; `repeated`: by an earlier call of the same key."""

    request: OrderRequest
    repeated: bool


def place(user_id: int, key: str, symbol: str, exchange: str, wanted: WantedOrder) -> Done:
    """Raises InvalidOrder, UnknownSymbol, TradingDisabled before anything is sent; else what `_submit` raises."""
    _require_trading()
    contract = gateway.resolve(symbol, exchange)
    _refuse(order_rules.contract_errors(wanted, contract, tokens.now().date()))
    wish = Wish(user_id, key, Action.PLACE, exchange, symbol.upper(), _plain(wanted), label=wanted.tag)

    def send(row: OrderRequest, ready: Ready) -> OrderReceipt:
        return default_client().place_order(contract, msgspec.structs.replace(wanted, tag=row.tag), ready)

    return _submit(wish, send)


def change(user_id: int, key: str | None, order_id: str, wanted: OrderChange) -> Done:
    """Raises UnknownOrder, and what `place` raises."""
    _require_trading()
    order = _in_book(order_id)
    _refuse(_errors_after(order, wanted))
    wish = Wish(user_id, key, Action.CHANGE, order.exchange, order.symbol, _plain(wanted), order_id)
    return _submit(wish, lambda _, ready: default_client().change_order(order_id, wanted, ready))


def cancel(user_id: int, key: str | None, order_id: str) -> Done:
    """Raises UnknownOrder, TradingDisabled; else what `_submit` raises."""
    _require_trading()
    order = _in_book(order_id)
    wish = Wish(user_id, key, Action.CANCEL, order.exchange, order.symbol, {}, order_id)
    return _submit(wish, lambda _, ready: default_client().cancel_order(order_id, ready))


def _submit(wish: Wish, send: Send) -> Done:
    """Sends a request that was not sent before; for one that was, says what became of it.

    Raises BrokerError's children; OrderOutcomeUnknown when the answer never came and the book does not tell.
    """
    row, mine = order_log.opened(wish)
    if not mine and row.fingerprint != wish.fingerprint():
        raise KeyReused
    if not (mine or order_log.taken_over(row)):
        return Done(_settled(row), repeated=True)
    try:
        receipt = send(row, lambda: order_log.mark_sent(row))
    except OrderUnderWay:
        raise
    except BrokerError as error:
        order_log.failed(row, error)
        if row.state != State.UNKNOWN:
            raise
        return Done(_settled(row), repeated=False)
    order_log.accepted(row, receipt)
    return Done(row, repeated=False)


def _settled(row: OrderRequest) -> OrderRequest:
    """A request sent before, once it is known to be accepted. Raises what is known otherwise."""
    if row.state == State.REFUSED:
        raise OrderRefused(row.status_code or OrderRefused.status_code, row.code, row.message)
    if order_log.is_under_way(row):
        raise OrderUnderWay
    if row.state != State.ACCEPTED:
        _look_up(row)
    if row.state == State.NOT_IN_BOOK:
        raise OrderNotInBook(_named(row))
    if row.state != State.ACCEPTED:
        raise OrderOutcomeUnknown(_named(row))
    return row


def _look_up(row: OrderRequest) -> None:
    """In the book of this moment; a broker that does not give it leaves the row as it is."""
    try:
        gateway.order_book()
    except BrokerError as error:
        raise OrderOutcomeUnknown(_named(row)) from error
    row.refresh_from_db()


def _named(row: OrderRequest) -> dict[str, object]:
    return {"request": row.pk, "tag": row.tag, "order_id": row.order_id}


def _require_trading() -> None:
    if not conf.trading_enabled():
        raise TradingDisabled


def _in_book(order_id: str) -> Order:
    """Today's order of this number: from the cached book if it is there, else from the book of this moment."""
    found = _of_number(order_id, gateway.orders().value) or _of_number(order_id, gateway.order_book())
    if found is None:
        raise UnknownOrder(order_id)
    return found


def _of_number(order_id: str, book: Sequence[Order]) -> Order | None:
    return next((order for order in book if order.order_id == order_id), None)


def _errors_after(order: Order, change: OrderChange) -> order_rules.Errors:
    """What would be wrong with the order as it would be then."""
    wanted = _changed(order, change)
    contract = _contract_of(order)
    errors = order_rules.form_errors(wanted, order.exchange)
    if change.order_type == "MARKET" or change.market_protection_percent is not None:
        errors |= order_rules.market_errors(wanted)
    return errors | (order_rules.contract_errors(wanted, contract, tokens.now().date()) if contract else {})


def _changed(order: Order, change: OrderChange) -> WantedOrder:
    kind = change.order_type or order.order_type
    return WantedOrder(
        side=order.side,
        quantity=change.quantity or order.quantity,
        product=order.product,
        order_type=kind,
        validity=change.validity or order.validity,
        price=change.price or (order.price if kind in ("LIMIT", "SL") and order.price else None),
        trigger_price=change.trigger_price or (order.trigger_price if kind == "SL" and order.trigger_price else None),
        disclosed_quantity=change.disclosed_quantity or order.disclosed_quantity,
        market_protection_percent=change.market_protection_percent,
    )


def _contract_of(order: Order) -> Contract | None:
    """None for a symbol that no contract file knows any more: then the broker's own checks have to do."""
    try:
        return gateway.resolve(order.trading_symbol, order.exchange)
    except BrokerError:
        return None


def _refuse(errors: order_rules.Errors) -> None:
    if errors:
        raise InvalidOrder(errors)


def _plain(wanted: WantedOrder | OrderChange) -> dict[str, Any]:
    """As JSON, without what was not asked for; Decimals as strings."""
    said = {name: getattr(wanted, name) for name in wanted.__struct_fields__}
    return dict(msgspec.to_builtins({name: value for name, value in said.items() if value not in (None, "")}))
