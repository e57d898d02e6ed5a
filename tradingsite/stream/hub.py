"""Reads the event log once for all readers of this process, and hands each of them what it follows."""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import msgspec

from broker import events as broker_events
from broker.values import FeedState
from systemcache import events
from systemcache.errors import StoreUnavailable
from systemcache.storage import event_log
from systemcache.storage.event_log import LoggedEvent, LogReader, order_of
from tradingsite.stream import feed_state, messages, meters
from tradingsite.stream.client_queue import ClientQueue
from tradingsite.stream.messages import Message
from tradingsite.stream.views import Subscription

logger = logging.getLogger(__name__)

FEED, QUOTE = broker_events.FEED.name, broker_events.QUOTE.name
READ_WAIT = 1.0  # seconds of one wait for events
READ_PAUSE = 0.01  # seconds between two reads, so that a burst comes in few pieces
RECONNECT_DELAY = 0.25  # seconds
HANDOVER_TIMEOUT = 30.0  # seconds for which the loop may be busy


class Client:
    """A reader: what it follows, and what is to be sent to it. Used by the loop's thread."""

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.queue = ClientQueue()
        self.wake = asyncio.Event()
        self.ending = asyncio.Event()
        self.why = ""  # it ends, once `ending` is set
        self.reset_at = ""  # the place in the log at which it has to read everything again
        self.past = (0, 0)  # what is no newer was replayed

    def admits(self, kind: events.Kind, key: str) -> bool:
        followed = self.subscription
        if kind.name not in followed.kinds:
            return False
        if kind.name == QUOTE:
            return followed.instruments is None or key in followed.instruments
        return not kind.owned or followed.rights.is_staff or key.startswith(f"{followed.rights.user_id}:")

    def put(self, message: Message) -> None:
        if not self.queue.put(message):
            self.end(meters.OVERFLOW)
        self.wake.set()

    def end(self, why: str) -> None:
        if not self.ending.is_set():
            self.why = why
            self.ending.set()
            self.wake.set()


class Hub:
    """The readers of this process, and the position in the log up to which they have received events. `position` is
    None while Redis is unavailable. Only the loop's thread uses it, except for `clients` and `start`.
    """

    def __init__(self) -> None:
        self.position: str | None = None
        self.feed: FeedState | None = None
        self.connected = asyncio.Event()
        self._clients: set[Client] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._kinds = {kind.name: kind for kind in events.registered()}

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to follow the log, once."""
        if self._loop is None:
            self._loop = loop
            threading.Thread(target=self._follow_forever, name="stream-log", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        self._end_all(meters.STOPPED)

    @property
    def is_stopped(self) -> bool:
        return self._stopped.is_set()

    def clients(self) -> list[Client]:
        """For any thread."""
        with self._lock:
            return list(self._clients)

    def join(self, client: Client) -> None:
        with self._lock:
            self._clients.add(client)

    def leave(self, client: Client) -> None:
        with self._lock:
            self._clients.discard(client)

    def kind(self, name: str) -> events.Kind | None:
        return self._kinds.get(name)

    def call(self, work: Callable[..., None], *args: Any) -> None:
        """Have the loop's thread do something, and wait until it has. For other threads."""
        done: Future[None] = Future()

        def run() -> None:
            try:
                work(*args)
            finally:
                done.set_result(None)

        try:
            if self._loop:
                self._loop.call_soon_threadsafe(run)
                done.result(HANDOVER_TIMEOUT)
        except (RuntimeError, TimeoutError):  # the loop has ended, or hangs
            logger.debug("stream: the event loop does not answer")

    def feed_is(self, state: FeedState | None) -> None:
        """Send the feed's state as it was read outside the log, because a feed that was killed logs nothing."""
        if state is None or self.feed == state or self.position is None:
            return
        self.feed = state
        message = Message(order_of(self.position), FEED, "", feed_text(state))
        for client in self.clients():
            if client.admits(self._kinds[FEED], ""):
                client.put(message)

    # --- the log ---------------------------------------------------------------------------------------------

    def _follow_forever(self) -> None:
        while not self._stopped.wait(RECONNECT_DELAY):
            try:
                self._follow()
            except StoreUnavailable as error:
                logger.debug("stream: the event log cannot be read, retrying: %s", error)
                self.call(self._disconnected)
            except BaseException:  # SystemExit too
                # If this thread ended, the process would never send anything again.
                logger.exception("stream: following the event log failed, restarting")
                self.call(self._disconnected)

    def _follow(self) -> None:
        """Follow the log until it has a gap. Raises StoreUnavailable."""
        position = event_log.end()
        reader = LogReader(position)
        try:
            self.call(self._connected, position, feed_state.current())
            while not self._stopped.is_set():
                news = reader.read(READ_WAIT)
                if news.gap:
                    logger.warning("stream: events may be missing, readers have to read everything again")
                    return
                if news.events:
                    self.call(self._dispatch, news.events)
                    self._stopped.wait(READ_PAUSE)
        finally:
            reader.close()

    def _connected(self, position: str, feed: FeedState | None) -> None:
        """Read the log from here on. Readers that are already connected have missed events."""
        self.feed = feed or self.feed
        if self.position is not None:
            for client in self.clients():
                client.queue.clear()
                client.reset_at = position
                client.wake.set()
        self.position = position
        self.connected.set()

    def _disconnected(self) -> None:
        """End all streams; those that begin while Redis is away wait for it a moment."""
        if self.position is not None:
            self.position = None
            self.connected.clear()
            self._end_all(meters.REDIS)

    def _end_all(self, why: str) -> None:
        for client in self.clients():
            client.end(why)

    def _dispatch(self, logged: list[LoggedEvent]) -> None:
        clients = self.clients()
        for event in logged:
            self.position = event.id
            kind = self._kinds.get(event.kind)
            message = messages.of_event(event, kind) if kind else None
            if kind is None or message is None or (kind.name == FEED and not self._is_new_feed_state(event.data)):
                continue
            for client in clients:
                if message.order > client.past and client.admits(kind, event.key):
                    client.put(message)

    def _is_new_feed_state(self, data: bytes) -> bool:
        try:
            state = msgspec.json.decode(data, type=FeedState)
        except msgspec.MsgspecError:
            return False
        is_new, self.feed = state != self.feed, state
        return is_new


def feed_text(state: FeedState) -> bytes:
    """The feed's state, without an id, so that it does not change a reader's position in the log."""
    return messages.text(FEED, msgspec.json.encode(state))
