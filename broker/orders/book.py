"""Today's order book, and how long the books that its orders move may be kept."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from broker import clock, events
from broker.cache_families import CHANGED_BY_ORDERS, MARGINS, ORDER_HISTORY, ORDERS, POSITIONS, TRADES
from broker.calendar import trading_hours
from broker.errors import BrokerError
from broker.iifl.client import default_client
from broker.orders import reconciliation
from broker.values import Order
from systemcache import conf as cache_conf
from systemcache.cached_value import CachedValue
from systemcache.errors import StoreUnavailable
from systemcache.families import Family
from systemcache.fetching.fetch import fetch, peek
from systemcache.invalidation import clear
from systemcache.stats import counters

logger = logging.getLogger(__name__)

MOVED_BY_FILLS: tuple[Family[Any], ...] = (TRADES, POSITIONS, MARGINS)


def orders() -> CachedValue[list[Order]]:
    return fetch(ORDERS, {}, _load_book, ttl=lambda book: _ttl_beside(ORDERS, book))


def known_orders() -> list[Order]:
    """Return the order book that the cache holds, without a call; empty if it holds none."""
    book = peek(ORDERS, {})
    return book.value if book else []


def read_order_book() -> list[Order]:
    """Read the book from the broker, and look up in it the requests that were never answered."""
    book, changed = _read_and_record()
    if changed:
        _invalidate(CHANGED_BY_ORDERS)
    return book


def order_history(order_id: str) -> CachedValue[list[Order]]:
    """Return the states that an order went through today; empty if the broker does not know the order."""
    return fetch(ORDER_HISTORY, {"order_id": order_id}, lambda: _load_history(order_id))


def ttl_beside_orders(family: Family[Any]) -> int:
    """Return how long a value that fills change may be kept: briefly while an order of the book may be filled.

    Call it before the value is loaded: then a fill that this book does not show yet cannot be missing from a value that
    is kept for long.
    """
    if closed_for := trading_hours.seconds_until_open(clock.now()):
        return _until(family, closed_for)
    try:
        with counters.site_reads():
            book = orders().value
        return _ttl_beside(family, book)
    except BrokerError as error:
        logger.info("broker: %s is kept briefly, because the order book cannot be read: %s", family.name, error)
        return _ttl_while_open(family)


def _load_book() -> list[Order]:
    """Load the book. While an order is open, what was loaded before that order was known is not kept any longer."""
    book, changed = _read_and_record()
    if changed:
        _invalidate(family for family in CHANGED_BY_ORDERS if family is not ORDERS)
    elif _may_be_filled(book):
        _invalidate(MOVED_BY_FILLS)
    return book


def _read_and_record() -> tuple[list[Order], bool]:
    """Read the book and bring the record up to date; say whether an order has changed since the record noted it."""
    asked_at = clock.now()
    book = default_client().orders()
    reconciliation.reconcile(book, asked_at)
    changed = reconciliation.note_statuses(book)
    events.publish_order_book(book)
    return book, changed


def _load_history(order_id: str) -> list[Order]:
    """Load the history. If it shows the order in another state than the book does, the book is out of date."""
    history = default_client().order_history(order_id)
    latest = _latest(history)
    if latest is None:
        return history
    changed = reconciliation.note_statuses([latest])
    book = peek(ORDERS, {})
    known = next((order for order in book.value if order.order_id == order_id), None) if book else latest
    if changed or known is None or _progress(known) != _progress(latest):
        _invalidate(family for family in CHANGED_BY_ORDERS if family is not ORDER_HISTORY)
    return history


def _latest(history: Sequence[Order]) -> Order | None:
    """Return the order's last state; the broker does not document the order of the rows."""
    final = [order for order in history if order.status.is_final]
    timed = [order for order in history if order.updated_at]
    if final or not timed:
        return next(reversed(final or list(history)), None)
    return max(timed, key=lambda order: (order.updated_at, order.filled_quantity or 0))


def _progress(order: Order) -> tuple[str, int | None]:
    return order.state_name, order.filled_quantity


def _ttl_beside(family: Family[Any], book: Sequence[Order]) -> int:
    """Return the family's own TTL if all orders are final, and at most the time until they may be filled."""
    now = clock.now()
    waits = [trading_hours.seconds_until_open(now, order.exchange) for order in book if not order.status.is_final]
    if not waits:
        return family.ttl
    return _until(family, min(waits)) if min(waits) else _ttl_while_open(family)


def _ttl_while_open(family: Family[Any]) -> int:
    return min(family.ttl, cache_conf.ttl("open_orders"))


def _until(family: Family[Any], seconds: float) -> int:
    return min(family.ttl, max(1, int(seconds)))


def _may_be_filled(book: Sequence[Order]) -> bool:
    now = clock.now()
    return any(not (order.status.is_final or trading_hours.seconds_until_open(now, order.exchange)) for order in book)


def _invalidate(families: Iterable[Family[Any]]) -> None:
    try:
        clear.invalidate(*(family.name for family in families))
    except StoreUnavailable as error:  # without Redis nothing is kept for long
        logger.debug("broker: what an order has changed is not invalidated: %s", error)
