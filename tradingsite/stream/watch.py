"""Background work while there are readers: check their permissions, keep their symbols subscribed, and read the books
if no feed pushes orders.
"""

import logging
import os
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress

from django.db import DatabaseError, close_old_connections

from broker import events as broker_events
from broker import gateway
from broker.errors import BrokerError
from broker.subscriptions import recent_reads
from systemcache.errors import CacheError, StoreUnavailable
from systemcache.stats import counters
from systemcache.storage import event_log
from tradingsite.stream import feed_state, meters
from tradingsite.stream.caller import Credential
from tradingsite.stream.hub import Client, Hub

logger = logging.getLogger(__name__)

RIGHTS_INTERVAL = 0.3  # seconds between two checks of readers' permissions
UNKNOWN_RIGHTS = 5.0  # seconds after which a stream ends whose permissions cannot be looked up
NOTE_INTERVAL = 5.0  # seconds between two notes of how many readers there are
BOOKS_INTERVAL = 0.5  # seconds between two reads of the books, mostly from the cache
BOOK_KINDS = frozenset({broker_events.ORDER.name, broker_events.TRADE.name})


class Watch:
    """Two threads, so that permissions are checked in time however slow the broker is."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._stopped = threading.Event()
        self._started = False
        self._unknown_since: dict[Credential, float] = {}
        self._noted_at = float("-inf")

    def start(self) -> None:
        """Start the threads, once. Called by the loop's thread."""
        if self._started:
            return
        self._started = True
        for name, work, interval in (
            ("stream-rights", self.check_rights, RIGHTS_INTERVAL),
            ("stream-books", self.look_after_data, BOOKS_INTERVAL),
        ):
            threading.Thread(target=self._repeat, args=(work, interval), name=name, daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def check_rights(self) -> None:
        """End streams whose user's permissions have changed since the stream was opened; readers reconnect if they
        may."""
        by_credential: defaultdict[Credential, list[Client]] = defaultdict(list)
        for client in self._hub.clients():
            by_credential[client.subscription.credential].append(client)
        revoked = [
            client
            for credential, clients in by_credential.items()
            for client in self._without_rights(credential, clients)
        ]
        if revoked:
            self._hub.call(_end_all, revoked)
        self._unknown_since = {key: since for key, since in self._unknown_since.items() if key in by_credential}

    def _without_rights(self, credential: Credential, clients: list[Client]) -> Iterable[Client]:
        try:
            rights = credential.current_rights()
        except (DatabaseError, CacheError) as error:
            since = self._unknown_since.setdefault(credential, time.monotonic())
            logger.warning("stream: a reader's rights cannot be looked up: %s", type(error).__name__)
            return clients if time.monotonic() - since > UNKNOWN_RIGHTS else []
        self._unknown_since.pop(credential, None)
        return [client for client in clients if client.subscription.rights != rights]

    def look_after_data(self) -> None:
        clients = self._hub.clients()
        if not clients:
            return
        self._hub.call(self._hub.feed_is, feed_state.current())
        self._note_readers(len(clients))
        for client in clients:
            recent_reads.note_all((client.subscription.instruments or {}).values())
        if any(BOOK_KINDS & client.subscription.kinds for client in clients):
            _read_books()

    def _note_readers(self, number: int) -> None:
        if time.monotonic() - self._noted_at >= NOTE_INTERVAL:
            self._noted_at = time.monotonic()
            with suppress(StoreUnavailable):
                event_log.note_readers(f"{socket.gethostname()}:{os.getpid()}", number)

    def _repeat(self, work: Callable[[], None], interval: float) -> None:
        while not self._stopped.wait(interval):
            try:
                work()
            except Exception:  # if this thread ended, revoked readers would keep their streams
                logger.exception("stream: %s failed, retrying", threading.current_thread().name)
            finally:
                close_old_connections()


def _read_books() -> None:
    """Read the books as any reader does, from the cache unless they are old; this publishes their changes."""
    try:
        with counters.site_reads():
            gateway.orders()
            gateway.trades()
    except (BrokerError, CacheError, DatabaseError) as error:
        logger.debug("stream: the books cannot be read now: %s", error)


def _end_all(clients: Iterable[Client]) -> None:
    for client in clients:
        client.end(meters.REVOKED)
