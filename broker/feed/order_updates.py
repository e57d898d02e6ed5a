"""Handles the stream's updates of orders and fills: invalidates books, settles the record, publishes events.

Duplicates and updates out of order do no harm: an invalidation may come twice, the record is settled by proof alone,
and events carry versions. All of it runs in a thread of its own, so that a slow database delays no price.
"""

import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from django.db import DatabaseError, close_old_connections

from broker import events, gateway
from broker.cache_families import CHANGED_BY_ORDERS, HOLDINGS, POSITIONS, TRADES
from broker.contracts import table
from broker.errors import BrokerError
from broker.feed.meters import BAD_PACKETS
from broker.iifl.mapping.contracts import book_symbol
from broker.orders import reconciliation
from broker.orders.book import known_orders
from broker.stream import updates
from broker.stream.packets import BadPacket
from broker.stream.topics import Kind
from broker.values import CONTRACT_FILES, Order, Trade
from systemcache.errors import CacheError, StoreUnavailable
from systemcache.families import Family
from systemcache.invalidation import clear

logger = logging.getLogger(__name__)

CHANGED_WITHOUT_FILLS = tuple(family for family in CHANGED_BY_ORDERS if family not in (TRADES, POSITIONS))
BOOKS: tuple[Family[Any], ...] = (*CHANGED_BY_ORDERS, HOLDINGS)
INTO_THE_DEMAT_ACCOUNT = frozenset({"DELIVERY", "BNPL", "CNC", "MTF"})

BATCH = 200  # updates that are handled together
# The broker's books may be a moment behind its stream, so what an update changes is invalidated once more.
REPEAT_AFTER = 1.5  # seconds
SETTLE_FOR, SETTLE_INTERVAL = 120.0, 1.0  # seconds: while an answer is waited for, its request cannot be settled yet
REMEMBERED = 500  # orders


class Update(NamedTuple):
    kind: Kind
    payload: bytes


class OrderUpdates:
    """`run` is the thread; `put` and `resync` may be called from any. `filled` is called after each fill."""

    def __init__(self, filled: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._filled = filled
        self._clock = clock
        self._queue: queue.Queue[Update | None] = queue.Queue()  # None: read the books
        self._stop = threading.Event()
        self._unsettled: OrderedDict[str, tuple[Order, float]] = OrderedDict()
        self._settle_at = 0.0
        self._repeat_at: float | None = None
        self._to_repeat: dict[str, Family[Any]] = {}
        self._instruments: dict[tuple[str, str], tuple[str, str]] = {}

    def put(self, kind: Kind, payload: bytes) -> None:
        self._queue.put(Update(kind, payload))

    def resync(self) -> None:
        """Updates may have been lost: invalidate the books once, and read what has become of the orders."""
        self._queue.put(None)

    def stop(self) -> None:
        self._stop.set()

    def run(self) -> None:
        while not self._stop.is_set():
            try:
                close_old_connections()
                self.handle(self._next_batch())
            except Exception:  # the thread must go on: the next updates may be of other orders
                logger.exception("feed: order updates could not be handled")
                self._stop.wait(SETTLE_INTERVAL)
        close_old_connections()

    def handle(self, batch: Sequence[Update | None]) -> None:
        """Handle updates that have arrived together, and what is due of earlier ones."""
        orders, trades, moved = self._read(batch)
        if moved:
            self._to_repeat |= moved  # before what may fail
            self._repeat_at = self._clock() + REPEAT_AFTER
            # The cached book completes what the packets say, so it is read before it is invalidated.
            known = {order.order_id: order for order in known_orders()} if orders or trades else {}
            completed_orders = [self._completed_order(order, known.get(order.order_id)) for order in orders]
            completed_trades = [_completed_trade(trade, known.get(trade.order_id)) for trade in trades]
            invalidate(moved.values())
            if trades or None in batch:
                self._filled()
            events.publish_orders(completed_orders)
            events.publish_trades(completed_trades)
            self._remember(completed_orders)
            if None in batch:
                self._read_books()
        self._do_what_is_due()

    def _next_batch(self) -> list[Update | None]:
        batch: list[Update | None] = []
        try:
            batch.append(self._queue.get(timeout=0.25))
            while len(batch) < BATCH:
                batch.append(self._queue.get_nowait())
        except queue.Empty:
            pass
        return batch

    def _read(self, batch: Iterable[Update | None]) -> tuple[list[Order], list[Trade], dict[str, Family[Any]]]:
        """Return the orders and trades in the updates, and the families that they change, by name."""
        orders: list[Order] = []
        trades: list[Trade] = []
        moved: dict[str, Family[Any]] = {}

        def move(families: Iterable[Family[Any]]) -> None:
            moved.update((family.name, family) for family in families)

        for update in batch:
            if update is None:
                move(BOOKS)
                continue
            try:
                if update.kind is Kind.ORDER:
                    orders.append(order := updates.order_update(update.payload))
                    move(CHANGED_BY_ORDERS if order.filled_quantity else CHANGED_WITHOUT_FILLS)
                else:
                    trades.append(trade := updates.trade_update(update.payload))
                    move(BOOKS if trade.product in INTO_THE_DEMAT_ACCOUNT else CHANGED_BY_ORDERS)
            except BadPacket as error:  # something has happened, even if it cannot be read what
                BAD_PACKETS.add(error.reason)
                logger.warning("feed: an update of the kind %s cannot be read: %s", update.kind, error.reason)
                move(BOOKS)
        return orders, trades, moved

    def _remember(self, orders: Iterable[Order]) -> None:
        for order in orders:
            self._unsettled[order.order_id] = (order, self._clock() + SETTLE_FOR)
            self._unsettled.move_to_end(order.order_id)
        while len(self._unsettled) > REMEMBERED:
            self._unsettled.popitem(last=False)
        self._settle_at = 0.0

    def _do_what_is_due(self) -> None:
        now = self._clock()
        if self._repeat_at is not None and now >= self._repeat_at:
            invalidate(self._to_repeat.values())
            self._to_repeat, self._repeat_at = {}, None
        if self._unsettled and now >= self._settle_at:
            self._settle_at = now + SETTLE_INTERVAL
            self._settle(now)

    def _settle(self, now: float) -> None:
        orders = [order for order, _ in self._unsettled.values()]
        try:
            reconciliation.settle(orders)
            reconciliation.note_statuses(orders)
        except DatabaseError as error:
            logger.warning("feed: the record of orders cannot be settled yet: %s", type(error).__name__)
            return
        for order_id in [name for name, (_, until) in self._unsettled.items() if until <= now]:
            del self._unsettled[order_id]

    def _read_books(self) -> None:
        """Read the books, which publishes what has changed, and settles the record."""
        for read in (gateway.orders, gateway.trades):
            try:
                read()
            except (BrokerError, CacheError) as error:
                logger.info("feed: a book cannot be read after the connection: %s", error)

    # --- what the packets lack -----------------------------------------------------------------------------------

    def _completed_order(self, order: Order, known: Order | None) -> Order:
        """Fill in exchange and name: from the book, else from the contract files."""
        exchange, name = (known.exchange, known.name) if known and known.exchange else self._instrument_of(order)
        return msgspec.structs.replace(
            order,
            exchange=exchange,
            name=name,
            symbol=book_symbol(exchange, order.trading_symbol),
            tag=order.tag or (known.tag if known else ""),
        )

    def _instrument_of(self, order: Order) -> tuple[str, str]:
        key = (order.instrument_id, order.trading_symbol)
        found = self._instruments.get(key)
        if found is None:
            try:
                found = _look_up(*key)
            except DatabaseError as error:  # the books must be invalidated all the same
                logger.warning("feed: an order's instrument cannot be looked up: %s", type(error).__name__)
                return "", ""
            if found[0]:  # otherwise its contract file may be fetched later
                self._instruments[key] = found
        return found


def _completed_trade(trade: Trade, order: Order | None) -> Trade:
    """Fill in name and tag from the trade's order, if the book has it."""
    if order is None:
        return trade
    return msgspec.structs.replace(trade, name=order.name or trade.name, tag=order.tag or trade.tag)


def _look_up(instrument_id: str, trading_symbol: str) -> tuple[str, str]:
    """Return exchange and name; empty if no contract file has the instrument under this name and number."""
    for file in CONTRACT_FILES:
        for contract in table.by_trading_symbol(file, trading_symbol.upper()):
            if contract.instrument_id == instrument_id:
                return contract.exchange, contract.name
    return "", ""


def invalidate(families: Iterable[Family[Any]]) -> None:
    """Invalidate now; while Redis is away, as soon as it is back."""
    families = sorted(families, key=lambda family: family.name)
    try:
        clear.invalidate(*(family.name for family in families))
    except StoreUnavailable:
        clear.invalidate_on_commit(*families)
