"""Places, changes and cancels orders: each is checked, recorded, and sent once."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import msgspec

from broker import clock, order_guards, quotes
from broker.contracts.master import resolve
from broker.errors import (
    BrokerAnswerUnclear,
    BrokerError,
    InvalidOrder,
    OrderNotInBook,
    OrderOutcomeUnknown,
    OrderRefused,
    OrderUnderWay,
    UnknownOrder,
)
from broker.iifl.client import default_client
from broker.iifl.transport import BeforeSend, noop
from broker.models import OrderRequest
from broker.order_guards import Proposal
from broker.orders import book, limits, request_log, rules, switch
from broker.orders.request_log import OrderIntent
from broker.values import Contract, Order, OrderChange, OrderParams, OrderReceipt

Action, State = OrderRequest.Action, OrderRequest.State
Send = Callable[[OrderRequest, BeforeSend], OrderReceipt]


class OrderResult(NamedTuple):
    """An accepted request; `repeated` if an earlier call with the same key had sent it."""

    request: OrderRequest
    repeated: bool


def place(
    user_id: int,
    key: str,
    symbol: str,
    exchange: str,
    params: OrderParams,
    *,
    credential: str = "",
    before_record: Callable[[], None] = noop,
) -> OrderResult:
    """Place an order. Raises TradingDisabled, InvalidOrder, UnknownSymbol, OrderOverLimit, and what `_submit` raises.

    `credential` names the token or session that asks, for the record. `before_record` is called when all checks have
    passed, before anything is recorded or sent; what it raises ends the attempt.
    """
    intent = OrderIntent(
        user_id, key, Action.PLACE, exchange, symbol.upper(), _to_json(params), label=params.tag, credential=credential
    )
    if earlier := _answered_before(intent):
        return earlier
    switch.require_open()
    contract = resolve(symbol, exchange)
    _raise_if_invalid(rules.contract_errors(params, contract, clock.now().date()))
    limits.require_within_caps(params, contract)
    checked_at = clock.now()
    rechecks = order_guards.check(Proposal(contract, params))
    before_record()

    def admit() -> None:
        unlisted = request_log.unlisted_orders(checked_at) if rechecks else []
        for recheck in rechecks:
            recheck(unlisted)

    def send(row: OrderRequest, before_send: BeforeSend) -> OrderReceipt:
        return default_client().place_order(contract, msgspec.structs.replace(params, tag=row.tag), before_send)

    return _submit(replace(intent, instrument_id=contract.instrument_id), send, admit)


def change(
    user_id: int,
    key: str | None,
    order_id: str,
    changes: OrderChange,
    *,
    credential: str = "",
    before_record: Callable[[], None] = noop,
) -> OrderResult:
    """Change an open order. Raises UnknownOrder, and what `place` raises."""
    requested = _to_json(changes)
    intent = OrderIntent(user_id, key, Action.CHANGE, "", "", requested, order_id, credential=credential)
    if earlier := _answered_before(intent):
        return earlier
    switch.require_open()
    order = _find_in_book(order_id)
    _check_change(order, changes)
    before_record()
    before = msgspec.to_builtins({name: getattr(order, name) for name in requested if hasattr(order, name)})
    intent = replace(
        intent, exchange=order.exchange, symbol=order.symbol, instrument_id=order.instrument_id, before=before
    )
    return _submit(intent, lambda _, before_send: default_client().change_order(order_id, changes, before_send))


def cancel(user_id: int, key: str | None, order_id: str, *, credential: str = "") -> OrderResult:
    """Cancel an open order. Raises what `_submit` raises.

    It needs neither the order book nor an open trading switch: what reduces risk has no conditions.
    """
    intent = OrderIntent(user_id, key, Action.CANCEL, *_instrument_of(order_id), {}, order_id, credential=credential)
    return _submit(intent, lambda _, before_send: default_client().cancel_order(order_id, before_send))


def _answered_before(intent: OrderIntent) -> OrderResult | None:
    """Return the outcome of an earlier request with the same key, unless it was certainly not sent.

    It comes before all conditions, because nothing is sent. Raises KeyReused, and what `require_accepted` raises.
    """
    row = request_log.find(intent)
    if row is None or request_log.can_be_claimed(row):
        return None
    return OrderResult(require_accepted(row), repeated=True)


def _submit(intent: OrderIntent, send: Send, admit: Callable[[], object] = noop) -> OrderResult:
    """Send a request, or return the outcome of one that was sent before. For `admit` see request_log.create_or_get.

    Raises BrokerError, such as OrderOutcomeUnknown if the answer never arrived and the order is not in the book,
    TradingDisabled if the switch was turned meanwhile, KeyReused, and OrderOverLimit for too many requests in a day.
    """
    row, mine = request_log.create_or_get(intent, admit)
    if not (mine or request_log.claim(row, admit)):
        return OrderResult(require_accepted(row), repeated=True)

    def before_send() -> None:
        request_log.mark_sent(row)
        if row.action != Action.CANCEL:
            switch.require_open()  # after the mark is committed: a halt sees one or the other

    try:
        receipt = send(row, before_send)
    except OrderUnderWay:
        raise
    except BrokerError as error:
        request_log.mark_failed(row, error)
        if row.state != State.UNKNOWN:
            raise
        return OrderResult(require_accepted(row), repeated=False)
    request_log.mark_accepted(row, receipt)
    return OrderResult(row, repeated=False)


def require_accepted(row: OrderRequest) -> OrderRequest:
    """Return a request that was sent before if it was accepted. Raises its error, or OrderOutcomeUnknown."""
    if row.state == State.REFUSED:
        raise OrderRefused(row.status_code or OrderRefused.status_code, row.code, row.message, row.ec)
    if request_log.is_under_way(row):
        raise OrderUnderWay
    if row.state != State.ACCEPTED:
        try:
            book.read_order_book()
        except BrokerError as error:
            raise OrderOutcomeUnknown(_error_detail(row)) from error
        row.refresh_from_db()
    if row.state == State.NOT_IN_BOOK:
        raise OrderNotInBook(_error_detail(row), row.message)
    if row.state != State.ACCEPTED:
        raise OrderOutcomeUnknown(_error_detail(row), "" if row.code else row.message)
    return row


def _error_detail(row: OrderRequest) -> dict[str, object]:
    return {"request": row.pk, "tag": row.tag, "order_id": row.order_id, "looks_like": row.looks_like}


def _instrument_of(order_id: str) -> tuple[str, str]:
    """Return an order's exchange and symbol as far as they are known here, without a call."""
    if order := _by_id(order_id, book.known_orders()):
        return order.exchange, order.symbol
    row = request_log.placed_as(order_id)
    return (row.exchange, row.symbol) if row else ("", "")


def _find_in_book(order_id: str) -> Order:
    """Find today's order in the cached book, otherwise in the current one. Raises UnknownOrder."""
    order = _by_id(order_id, book.orders().value) or _by_id(order_id, book.read_order_book())
    if order is None:
        raise UnknownOrder(order_id)
    return order


def _by_id(order_id: str, orders: Sequence[Order]) -> Order | None:
    return next((order for order in orders if order.order_id == order_id), None)


def _check_change(order: Order, change: OrderChange) -> None:
    """Check the order as it would be after the change. The price band is for prices that change."""
    params = _apply_change(order, change)
    contract = _contract_of(order)
    errors = rules.form_errors(params, order.exchange)
    if change.order_type == "MARKET" or change.market_protection_percent is not None:
        errors |= rules.market_errors(params)
    _raise_if_invalid(errors | rules.contract_errors(params, contract, clock.now().date()))
    changed = tuple(name for name in limits.BANDED if getattr(change, name) is not None)
    limits.require_within_caps(params, contract, changed)
    order_guards.check(Proposal(contract, params, order.filled_quantity or 0))


def _contract_of(order: Order) -> Contract:
    """Return the order's contract, or what the book's row has of it if the contract files do not have it."""
    try:
        return resolve(order.trading_symbol, order.exchange)
    except BrokerError:
        return quotes.contract_of(order)


def _apply_change(order: Order, change: OrderChange) -> OrderParams:
    kind = change.order_type or order.order_type
    quantity = change.quantity or order.quantity
    if quantity is None:
        raise BrokerAnswerUnclear(f"The order {order.order_id} has no number in quantity")
    return OrderParams(
        side=order.side,
        quantity=quantity,
        product=order.product,
        order_type=kind,
        validity=change.validity or order.validity,
        price=change.price or (order.price if kind in ("LIMIT", "SL") and order.price else None),
        trigger_price=change.trigger_price or (order.trigger_price if kind == "SL" and order.trigger_price else None),
        disclosed_quantity=change.disclosed_quantity or order.disclosed_quantity,
        market_protection_percent=change.market_protection_percent,
    )


def _raise_if_invalid(errors: rules.Errors) -> None:
    if errors:
        raise InvalidOrder(errors)


def _to_json(params: OrderParams | OrderChange) -> dict[str, Any]:
    """Return the parameters that are set as JSON, with Decimals as strings."""
    given = {name: value for name, value in msgspec.structs.asdict(params).items() if value not in (None, "")}
    return dict(msgspec.to_builtins(given))
