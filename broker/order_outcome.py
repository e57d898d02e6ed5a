"""What an order book says of a request whose answer never came."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from broker.models import OrderRequest
from broker.values import Order

State = OrderRequest.State
# After that a request has reached the book or never will.
SETTLED_AFTER = timedelta(minutes=1)


class Outcome(NamedTuple):
    state: OrderRequest.State
    order_id: str = ""
    message: str = ""


def outcome(row: OrderRequest, book: Sequence[Order], now: datetime) -> Outcome | None:
    """None while it is too early to say."""
    order = _found(row, book)
    if order and _shows(row, order):
        return Outcome(State.ACCEPTED, order.order_id, "Found in the order book; the answer was lost.")
    if row.sent_at is None or now - row.sent_at < SETTLED_AFTER:
        return None
    message = f"The order is {order.status}." if order else "The order book does not hold it."
    return Outcome(State.NOT_IN_BOOK, message=message)


def _found(row: OrderRequest, book: Sequence[Order]) -> Order | None:
    if row.action == OrderRequest.Action.PLACE:
        return next((order for order in book if order.tag == row.tag), None)
    return next((order for order in book if order.order_id == row.order_id), None)


def _shows(row: OrderRequest, order: Order) -> bool:
    """Whether the order is as the request wanted it."""
    if row.action == OrderRequest.Action.CANCEL:
        return order.status == "cancelled"
    if row.action == OrderRequest.Action.CHANGE:
        return all(_same(getattr(order, name), wanted) for name, wanted in row.asked.items() if hasattr(order, name))
    return True


def _same(found: object, wanted: object) -> bool:
    return Decimal(str(wanted)) == found if isinstance(found, Decimal) else found == wanted
