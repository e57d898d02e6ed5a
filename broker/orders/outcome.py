"""Finds the outcome of an unanswered request in an order book.

"It had no effect" invites a second order, so it is said only when the book proves it: of an order that was placed, when
a minute later the book holds nothing that may be it; of a change, when the order still is as it was before. Whatever is
in doubt (an unknown word, a missing time, an altered tag) leaves the outcome unknown.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from broker.models import OrderRequest
from broker.values import Order, OrderStatus

Action, State = OrderRequest.Action, OrderRequest.State
# After this time, a request of which the book shows nothing has had no effect.
FINAL_AFTER = timedelta(minutes=1)
# The broker's times are cut to seconds, and its clock may differ from ours.
ROUNDING, CLOCK_DIFFERENCE = timedelta(seconds=2), timedelta(minutes=1)
# Prices may come back as binary fractions (1481.0500000000002). Both are below half of any tick.
PRICE_NOISE, RELATIVE_PRICE_NOISE = Decimal("0.0005"), Decimal("1e-7")


class Outcome(NamedTuple):
    """`looks_like` holds the numbers of orders that may be the requested one."""

    state: OrderRequest.State
    order_id: str = ""
    message: str = ""
    looks_like: tuple[str, ...] = ()


class Attributed(NamedTuple):
    """The numbers and the tags of orders that certainly belong to other requests."""

    order_ids: frozenset[str] = frozenset()
    tags: tuple[str, ...] = ()

    def has(self, order: Order) -> bool:
        return order.order_id in self.order_ids or any(has_tag(order, tag) for tag in self.tags)


def find_outcome(row: OrderRequest, book: Sequence[Order], read_at: datetime, others: Attributed) -> Outcome | None:
    """Return None while it is too early to tell. `read_at` is when the book was requested."""
    if row.sent_at is None or read_at < row.sent_at:
        return None
    is_early = read_at - row.sent_at < FINAL_AFTER
    if row.action == Action.PLACE:
        return _outcome_of_placing(row, book, others, is_early=is_early)
    orders = [order for order in book if order.order_id == row.order_id]  # one, unless the book has its history
    if any(_is_as_requested(row, order) for order in orders):
        return Outcome(State.ACCEPTED, row.order_id, "Found in the order book; the answer was lost.")
    if is_early:
        return None
    if not orders:
        return Outcome(State.UNKNOWN, row.order_id, "The order book does not show the order.")
    message = f"The order is {' and '.join(order.state_name for order in orders)}."
    is_as_before = all(_is_as_before(row, order) for order in orders)
    return Outcome(State.NOT_IN_BOOK if is_as_before else State.UNKNOWN, row.order_id, message)


def confirm(row: OrderRequest, order: Order) -> Outcome | None:
    """Return the outcome that one order's state proves: that the request was carried out. None if it proves nothing."""
    if row.sent_at is None:
        return None
    is_placed = row.action == Action.PLACE and bool(order.order_id) and has_tag(order, row.tag)
    is_done = row.action != Action.PLACE and order.order_id == row.order_id and _is_as_requested(row, order)
    # A state from before a change may have been like the one that it asks for: another change may lie in between.
    is_since = order.updated_at is not None and order.updated_at >= row.sent_at - ROUNDING
    if not (is_placed or (is_done and (is_since or row.action == Action.CANCEL))):
        return None
    return Outcome(State.ACCEPTED, order.order_id, "Told by the broker's stream; the answer was lost.")


def has_tag(order: Order, tag: str) -> bool:
    """Whether the order's tag is this one: some systems change its case or append to it."""
    return bool(tag) and order.tag.casefold().startswith(tag.casefold())


def _outcome_of_placing(
    row: OrderRequest, book: Sequence[Order], others: Attributed, *, is_early: bool
) -> Outcome | None:
    ours = next((order for order in book if order.order_id and has_tag(order, row.tag)), None)
    if ours:
        return Outcome(State.ACCEPTED, ours.order_id, "Found in the order book; the answer was lost.")
    similar = [order for order in book if not others.has(order) and _may_be_requested(row, order)]
    if similar:
        message = f"The order book has {' and '.join(map(_describe, similar))}."
        return Outcome(State.UNKNOWN, message=message, looks_like=tuple(order.order_id for order in similar))
    return None if is_early else Outcome(State.NOT_IN_BOOK, message="The order book holds nothing like it.")


def _may_be_requested(row: OrderRequest, order: Order) -> bool:
    """Whether the order may be the requested one: nothing that is known of it speaks against that.

    Quantity and price do not count, because they may have been changed since.
    """
    if has_tag(order, row.tag):
        return True
    if order.side in ("BUY", "SELL") and order.side != row.asked.get("side"):
        return False
    return _may_be_same_instrument(row, order) and _may_be_placed_since(row, order)


def _may_be_same_instrument(row: OrderRequest, order: Order) -> bool:
    names = {_plain(order.symbol), _plain(order.trading_symbol)} - {""}
    if not (names or order.instrument_id):
        return True
    if order.instrument_id and order.instrument_id == row.instrument_id:
        return True
    # A name alone may be written in other ways: INFY, INFY-EQ, INFY EQ, NSE:INFY.
    symbol = _plain(row.symbol)
    return any(symbol in name or name in symbol for name in names) if not order.instrument_id else symbol in names


def _plain(name: str) -> str:
    return "".join(character for character in name.upper() if character.isalnum())


def _may_be_placed_since(row: OrderRequest, order: Order) -> bool:
    """Whether it was placed after the request was sent, or just before by the broker's clock and as large."""
    if order.placed_at is None or row.sent_at is None or order.placed_at >= row.sent_at - ROUNDING:
        return True
    return order.placed_at >= row.sent_at - CLOCK_DIFFERENCE and order.quantity in (None, row.asked.get("quantity"))


def _describe(order: Order) -> str:
    price = f" at {order.price}" if order.price else ""
    return (
        f"order {order.order_id or 'without a number'} ({order.side} {order.quantity} {order.symbol}{price}, "
        f"{order.state_name}, {f'tag {order.tag}' if order.tag else 'no tag'})"
    )


def _is_as_requested(row: OrderRequest, order: Order) -> bool:
    """Whether the order is as the cancellation or the change would have made it."""
    if row.action == Action.CANCEL:
        return order.status is OrderStatus.CANCELLED
    if not _has_values(order, row.asked):
        return False
    # An order that was like that before proves nothing of a parameter that the book does not show.
    return all(hasattr(order, name) for name in row.asked) or not _has_values(order, row.before or {})


def _is_as_before(row: OrderRequest, order: Order) -> bool:
    """Whether the request certainly has not changed the order."""
    if not order.status.is_settled:
        return False
    if row.action == Action.CANCEL:
        return not _may_be_cancelled_in_part(order)
    if order.updated_at and row.sent_at and order.updated_at > row.sent_at + ROUNDING:
        return False  # it may have been changed as requested, and changed back
    return _has_values(order, row.before or {}) and not _has_values(order, row.asked)


def _may_be_cancelled_in_part(order: Order) -> bool:
    """Whether the order is over, but not known to be filled: its rest may have been cancelled under another word."""
    if order.cancelled_quantity:
        return True
    filled = order.filled_quantity
    return order.status is OrderStatus.COMPLETE and (filled is None or filled != order.quantity)


def _has_values(order: Order, values: dict[str, Any]) -> bool:
    """Whether the order has all of these values that the order book shows; False if it shows none of them."""
    shown = [(getattr(order, name), value) for name, value in values.items() if hasattr(order, name)]
    return bool(shown) and all(_equal(actual, value) for actual, value in shown)


def _equal(actual: object, value: object) -> bool:
    """An unknown value equals nothing, not even another unknown value."""
    if actual is None or value is None:
        return False
    if isinstance(actual, Decimal):
        expected = Decimal(str(value))
        return abs(actual - expected) <= max(PRICE_NOISE, abs(expected) * RELATIVE_PRICE_NOISE)
    return actual == value
