"""One term of the leading feed process: from taking the lock to losing it."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from django.db import close_old_connections

from broker import conf
from broker.feed import listeners
from broker.feed.dispatcher import PacketDispatcher
from broker.feed.meters import CONNECTIONS, REFUSED
from broker.feed.order_updates import OrderUpdates
from broker.feed.prices import PriceTable
from broker.feed.reporter import StatusReporter
from broker.feed.sessions import MarketSessions
from broker.feed.silence_check import SilenceCheck
from broker.feed.subscriptions import Key, Planner, Subscription, topics_of
from broker.feed.tokens import SessionTokens
from broker.feed.watchdog import Verdict, Watchdog
from broker.feed.writer import Writer
from broker.stream import topics
from broker.stream.client import ClientState, StreamClient
from broker.stream.connection import Address
from broker.stream.topics import Kind
from broker.values import Quote
from systemcache.errors import StoreUnavailable
from systemcache.storage.leader_lock import LeaderLock

logger = logging.getLogger(__name__)

PLAN_INTERVAL = 1.0  # seconds
RESOLVE_INTERVAL = 5.0  # seconds between two look-ups of all names because prices were invalidated
CHECK_INTERVAL = 0.25
FLUSH_DELAY = 0.015  # seconds in which changes are gathered
IDLE_FLUSH = 0.05
BEHIND = 1.5  # seconds: a client that has not handled all that arrived for so long is not known to be well
PAUSE_AFTER_FAILURE = 1.0
STOP_TIMEOUT = 3.0  # seconds for all threads together
MAX_FRESH = 1_000  # batches that wait for the listeners


class Term:
    """The threads that follow the stream, write, plan and watch, and what they share."""

    def __init__(
        self, lock: LeaderLock, leads: Callable[[], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`leads` says without a call whether the lock is surely held at this moment."""
        self._lock = lock
        self._leads = leads
        self._clock = clock
        self._stop = threading.Event()
        self._wake_writer = threading.Event()
        self._wake_planner = threading.Event()
        self._sessions = MarketSessions()
        self._table = PriceTable(self._sessions.is_closed, clock)
        self._watchdog = Watchdog()
        self._silence_check = SilenceCheck(self._table, clock)
        self._planner = Planner(clock)
        self._writer = Writer(lock, self._table, self._invalidated)
        self._updates = OrderUpdates(self._planner.read_books_again, clock)
        self._client = StreamClient(
            Address.of(conf.stream_url(), conf.stream_ca()), SessionTokens(), self, name=conf.client_id(), clock=clock
        )
        self._dispatcher = PacketDispatcher(
            self._table, self._sessions, self._watchdog, self._updates, arrived=self._arrived, clock=clock
        )
        self._reporter = StatusReporter(lock, self._client, self._table, self._sessions, clock)
        self._fresh: queue.Queue[list[Quote]] = queue.Queue(MAX_FRESH)
        self._fresh.put([])  # a term begins: the listeners may go on with what another process has left
        self._verdict = Verdict()
        self._needs_plan = True  # nothing is written before the instruments are looked up
        self._oldest_unwritten: float | None = None
        self._resolved_at = float("-inf")
        self._current_plan: list[Subscription] = []
        self._books_are_read = False
        self._threads = [
            threading.Thread(target=target, name=f"feed-{name}", daemon=True)
            for name, target in (
                ("stream", self._client.run),
                ("updates", self._updates.run),
                ("writer", partial(self._repeat, self._write_next, "writing failed")),
                ("planner", partial(self._repeat, self._plan_next, "what to subscribe could not be found")),
                ("broker", partial(self._repeat, self._ask_broker, "the broker could not be asked what is held")),
                ("listeners", partial(self._repeat, self._notify_next, "the listeners could not be called")),
                ("watchdog", partial(self._repeat, self._watch_next, "watching failed")),
            )
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End all threads; values that were written expire by themselves.

        A thread that waits for the broker is not waited for: whatever it does later, it does without the lock.
        """
        self._stop.set()
        self._client.stop()
        self._updates.stop()
        self._wake_writer.set()
        self._wake_planner.set()
        deadline = time.monotonic() + STOP_TIMEOUT
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    @property
    def has_failed(self) -> bool:
        """Whether a thread has ended by itself."""
        return not self._stop.is_set() and not all(thread.is_alive() for thread in self._threads)

    def _repeat(self, step: Callable[[], None], failure: str) -> None:
        """Take a step after the other until the term ends. A thread must outlive what fails in it, since the others
        would go on: prices would no longer be written, or a mute feed would not be noticed.
        """
        while not self._stop.is_set():
            try:
                close_old_connections()
                step()
            except Exception:  # a bug or a lost server must not end the thread: the next step may succeed
                logger.exception("feed: %s", failure)
                self._stop.wait(PAUSE_AFTER_FAILURE)
        close_old_connections()

    # --- the stream's listener: called in the client's thread ---------------------------------------------------

    def connected(self) -> None:
        CONNECTIONS.add("made")
        self._books_are_read = False
        self._client.want(topics_of(self._current_plan, self._client.user))

    def disconnected(self, reason: str) -> None:
        CONNECTIONS.add("lost")
        self._dispatcher.disconnected()

    def token_refused(self) -> None:
        CONNECTIONS.add("token_refused")

    def subscribed(self, names: Sequence[str], refused: Sequence[str]) -> None:
        for name in refused:
            topic = topics.parse(name)
            REFUSED.add(topic.kind if topic else "unknown")
        if not self._books_are_read and self._client.follows_orders:
            self._books_are_read = True  # not earlier: the stream sends what happens from here on
            self._updates.resync()
        elif not self._books_are_read and self._client.orders_refused:
            self._books_are_read = True
            logger.warning("feed: the stream refuses updates of orders; books are read as often as without a stream")

    def received(self, name: str, payload: bytes, retained: bool) -> None:
        self._dispatcher.dispatch(name, payload, retained)

    def _arrived(self) -> None:
        if self._oldest_unwritten is None:
            self._oldest_unwritten = self._clock()
        self._wake_writer.set()

    # --- the writer's thread ------------------------------------------------------------------------------------

    def _write_next(self) -> None:
        if self._wake_writer.wait(IDLE_FLUSH):
            self._wake_writer.clear()
            self._stop.wait(FLUSH_DELAY)
        try:
            self._write()
        except StoreUnavailable as error:
            logger.debug("feed: nothing is written: %s", error)
            self._stop.wait(CHECK_INTERVAL)

    def _write(self) -> None:
        if not self._leads():
            return
        if fresh := self._table.take_fresh():
            self._notify_listeners(fresh)
        if self._needs_plan or not self._is_caught_up():
            return
        oldest, self._oldest_unwritten = self._oldest_unwritten, None
        self._writer.flush(self._is_well)
        if oldest is not None:
            self._reporter.note_lag(self._clock() - oldest)

    def _is_caught_up(self) -> bool:
        """Whether the client is connected, and has handled what had arrived a moment ago.

        A process that was stopped, and wakes up with yesterday's packets in its socket, has not.
        """
        is_connected = self._client.state is ClientState.CONNECTED
        return is_connected and self._clock() - self._client.caught_up_at < BEHIND

    def _is_well(self, key: Key) -> bool:
        return not self._verdict.is_mute(key) and (
            topics.of_instrument(Kind.PRICE, *key) in self._client.acknowledged
            or topics.of_instrument(Kind.INDEX, *key) in self._client.acknowledged
        )

    def _invalidated(self) -> None:
        """Prices were invalidated: perhaps because a name is another instrument's by now."""
        now = self._clock()
        if now - self._resolved_at < RESOLVE_INTERVAL:
            return
        self._resolved_at, self._needs_plan = now, True
        self._planner.resolve_again()
        self._wake_planner.set()

    def _notify_listeners(self, fresh: list[Quote]) -> None:
        try:
            self._fresh.put_nowait(fresh)
        except queue.Full:
            logger.warning("feed: the listeners are too slow; %d prices are not passed to them", len(fresh))

    def _notify_next(self) -> None:
        with suppress(queue.Empty):
            listeners.notify(self._fresh.get(timeout=CHECK_INTERVAL))

    # --- the planner's thread -----------------------------------------------------------------------------------

    def _ask_broker(self) -> None:
        """In a thread of its own: a slow broker must not delay what is subscribed."""
        if self._planner.read_books():
            self._wake_planner.set()
        self._silence_check.check(self._verdict.doubtful)
        self._stop.wait(PLAN_INTERVAL)

    def _plan_next(self) -> None:
        self._plan()
        self._wake_planner.wait(PLAN_INTERVAL)
        self._wake_planner.clear()

    def _plan(self) -> None:
        plan = self._current_plan = self._planner.plan()
        self._sessions.refresh({each.exchange for each in plan} | {each.topic_exchange for each in plan})
        self._table.subscribe(plan)
        self._watchdog.keep(self._table.instruments())
        if self._client.user:
            self._client.want(topics_of(plan, self._client.user))
        self._needs_plan = False

    # --- the watchdog's thread ----------------------------------------------------------------------------------

    def _watch_next(self) -> None:
        self._watch()
        self._stop.wait(CHECK_INTERVAL)

    def _watch(self) -> None:
        before, self._verdict = self._verdict, self._judge()
        self._withdraw_what_became_mute(before, self._verdict)
        self._reporter.report(self._verdict, self._dispatcher.count)

    def _judge(self) -> Verdict:
        if self._client.state is not ClientState.CONNECTED:
            return Verdict()
        exchanges = {exchange for exchange, _ in self._table.instruments()}
        verdict = self._watchdog.check(self._clock(), filter(self._sessions.expects_packets, exchanges))
        return replace(verdict, silent=verdict.silent | (self._silence_check.mute & verdict.doubtful))

    def _withdraw_what_became_mute(self, before: Verdict, now: Verdict) -> None:
        if now.is_well:
            return
        became = {key for key in self._table.instruments() if now.is_mute(key) and not before.is_mute(key)}
        if not became:
            return
        try:
            self._writer.withdraw(self._table.subscriptions(became))
        except StoreUnavailable as error:
            logger.debug("feed: mute values expire by themselves: %s", error)
