"""What became of a request to place or change an order, in words that a trader can act on.

What is not known is said to be so, and nobody is told to send a second order on an assumption.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from broker import clock, conf, gateway
from broker.errors import BrokerError
from broker.models import OrderRequest
from broker.money import grouped
from broker.orders import request_log
from broker.values import Order, OrderStatus
from dashboard.formatting import clock_time
from systemcache import process_state
from systemcache.errors import CacheError
from systemcache.local.ttl_dict import TTLDict

Action, State = OrderRequest.Action, OrderRequest.State

PATIENCE = timedelta(seconds=8)  # without an answer after which the outcome is said to be unknown
BOOK_INTERVAL = 3.0  # seconds between two reads of the broker's order book for unanswered requests
DO_NOT_REPEAT = "Do not send it again before that is certain; this page goes on looking."


class Outcome(NamedTuple):
    """`level` is good, info, warn or bad. `is_over`: nothing more follows. `may_retry`: it was certainly not sent."""

    level: str
    headline: str
    text: str = ""
    is_over: bool = False
    may_retry: bool = False


class Progress(NamedTuple):
    """How far a request has come; `order` is its order in the book, as far as that can be read."""

    order: Order | None
    outcome: Outcome


def find(user_id: int, key: str) -> OrderRequest | None:
    return OrderRequest.objects.filter(client_id=conf.client_id(), user_id=user_id, key=key).first()


def follow(row: OrderRequest) -> Progress:
    """Read how far a request has come. An unanswered one is looked up in the broker's order book, every few seconds."""
    error = _look_up(row) if row.state in request_log.UNRESOLVED and not _is_fresh(row) else ""
    order: Order | None = None
    if row.state == State.ACCEPTED:
        try:
            order = next((order for order in gateway.orders().value if order.order_id == row.order_id), None)
        except (BrokerError, CacheError) as unread:
            error = str(unread)
    return Progress(order, describe(row, order, clock.now(), error))


def describe(row: OrderRequest, order: Order | None, now: datetime, book_error: str = "") -> Outcome:
    """Say in words what is known of a request; a pure function."""
    what = "The change" if row.action == Action.CHANGE else "The order"
    match row.state:
        case State.WAITING | State.NOT_SENT if request_log.can_be_claimed(row):
            reason = f" {row.message}" if row.message else ""
            return Outcome("bad", f"{what} was not sent.", f"This is certain.{reason}", is_over=True, may_retry=True)
        case State.WAITING:
            return Outcome("info", f"{what} waits for its turn with the broker.", "It is not sent yet.")
        case State.REFUSED:
            return Outcome("bad", f"The broker refused {what.lower()}.", row.message, is_over=True)
        case State.ACCEPTED:
            return _accepted(row, order, what, book_error)
        case State.NOT_IN_BOOK:
            text = f"{row.message} No answer had come; the order book proves it."
            return Outcome("bad", f"{what} had no effect.", text, is_over=True)
        case State.SENT if row.sent_at and now - row.sent_at < PATIENCE:
            return Outcome("info", f"{what} is sent.", "The broker has not answered yet.")
        case _:
            return _unknown(row, what, book_error)


def _unknown(row: OrderRequest, what: str, book_error: str) -> Outcome:
    since = f" since {clock_time(row.sent_at)}" if row.sent_at else ""
    known = row.message if row.looks_like else f"The broker has not answered{since}."
    book = f" The order book cannot be read now: {book_error}" if book_error else ""
    return Outcome("warn", f"It is not known what became of {what.lower()}.", f"{known}{book} {DO_NOT_REPEAT}".strip())


def _accepted(row: OrderRequest, order: Order | None, what: str, book_error: str) -> Outcome:
    if order is None:
        why = (
            f"The order book cannot be read now: {book_error}" if book_error else "Its order book does not show it yet."
        )
        return Outcome("good", f"The broker has taken {what.lower()}.", why)
    if row.action == Action.CHANGE:
        return Outcome("good", "The broker has taken the change.", _state_of(order).headline, order.status.is_final)
    return _state_of(order)


def _state_of(order: Order) -> Outcome:
    done = {"BUY": "bought", "SELL": "sold"}.get(order.side, "filled")
    filled = grouped(order.filled_quantity) if order.filled_quantity is not None else "an unknown part"
    average = f" at ₹{grouped(order.average_price)} on average" if order.average_price else ""
    quantity = grouped(order.quantity) if order.quantity is not None else "unknown"
    partly = f"{filled} of {quantity} {done}{average} before." if order.filled_quantity else "Nothing was filled."
    match order.status:
        case OrderStatus.COMPLETE:
            return Outcome("good", f"Complete: {filled} {order.symbol} {done}{average}.", is_over=True)
        case OrderStatus.PENDING:
            return Outcome("info", "With the broker.", "The exchange has not confirmed it yet.")
        case OrderStatus.OPEN:
            return Outcome("good", "Open: it waits in the exchange's order book.", "It can be changed and cancelled.")
        case OrderStatus.TRIGGER_PENDING:
            return Outcome(
                "good", "Trigger pending: it waits for its trigger price.", "It can be changed and cancelled."
            )
        case OrderStatus.PARTIALLY_FILLED:
            return Outcome("good", f"Partially filled: {filled} of {quantity} {done}{average}.", "The rest waits.")
        case OrderStatus.REJECTED:
            return Outcome("bad", "Rejected.", order.rejection_reason or "The broker gives no reason.", is_over=True)
        case OrderStatus.CANCELLED:
            return Outcome("warn", "Cancelled.", partly, is_over=True)
        case OrderStatus.EXPIRED:
            return Outcome("warn", "Expired.", partly, is_over=True)
        case _:
            return Outcome("warn", f"The broker calls its state {order.state_name!r}.", "This site does not know it.")


def unresolved(user_id: int, exchange: str, instrument_id: str) -> Sequence[OrderRequest]:
    """Find today's orders of the user for an instrument of which nobody knows yet what became of them."""
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return list(
        OrderRequest.objects.filter(
            client_id=conf.client_id(),
            user_id=user_id,
            action=Action.PLACE,
            exchange=exchange,
            instrument_id=instrument_id,
            state__in=(State.SENT, State.UNKNOWN),
            sent_at__gte=today,
        )
    )


def _is_fresh(row: OrderRequest) -> bool:
    """Whether a process probably still waits for the answer."""
    return row.state == State.SENT and row.sent_at is not None and clock.now() - row.sent_at < PATIENCE


def _look_up(row: OrderRequest) -> str:
    """Search the broker's book for the request; return why it could not be read."""
    if not _looked.get("book"):
        _looked.set("book", True, BOOK_INTERVAL)
        try:
            gateway.read_order_book()
        except (BrokerError, CacheError) as error:
            return str(error)
        row.refresh_from_db()
    return ""


_looked: TTLDict[bool] = process_state.register(TTLDict())
