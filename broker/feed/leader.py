"""Leads the feed, or waits to: one process of all follows the stream, over all machines.

The lock expires 2 seconds after its holder renewed it last, and candidates ask for it every 0.4 s. A holder that was
stopped writes nothing when it wakes up: each of its writes compares the lock (storage/pushes.py).
"""

import logging
import threading
import time
from collections.abc import Callable

from broker.feed.status import WORK
from broker.feed.term import Term
from systemcache.errors import StoreUnavailable
from systemcache.storage.leader_lock import LeaderLock

logger = logging.getLogger(__name__)

LOCK_TTL = 2.0  # seconds
LOCK_INTERVAL = 0.4
# Without Redis nobody can lead; the connection is kept for a while, so that it need not be made again.
KEPT_WITHOUT_REDIS = 10.0


class Leader:
    """`run` blocks until `stop` is called, from a signal handler for example."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stop = threading.Event()
        self._lock = LeaderLock(WORK, LOCK_TTL)
        self._term: Term | None = None
        self._held_at = float("-inf")

    def stop(self) -> None:
        self._stop.set()

    def run(self) -> None:
        logger.info("feed: waiting for the lead")
        try:
            while not self._stop.is_set():
                self._step()
                self._stop.wait(LOCK_INTERVAL)
        finally:
            self._end_term()
            self._release()

    def _step(self) -> None:
        asked_at = self._clock()
        try:
            leads = self._lock.acquire()
        except StoreUnavailable:
            if self._term and self._clock() - self._held_at > KEPT_WITHOUT_REDIS:
                logger.warning("feed: Redis is away; the stream is disconnected")
                self._end_term()
            return
        if not leads:
            if self._term:
                logger.warning("feed: another process leads")
                self._end_term()
            return
        self._held_at = asked_at
        if self._term and self._term.has_failed:
            logger.error("feed: a thread has ended; all are started again")
            self._end_term()
        if self._term is None:
            logger.info("feed: this process leads")
            self._term = Term(self._lock, self._surely_leads, self._clock)
            self._term.start()

    def _surely_leads(self) -> bool:
        """Whether no other process can have taken the lock yet, even if this one was stopped for a while."""
        return self._clock() - self._held_at < LOCK_TTL

    def _end_term(self) -> None:
        if self._term:
            self._term.stop()
            self._term = None

    def _release(self) -> None:
        try:
            self._lock.release()
        except StoreUnavailable:
            logger.debug("feed: the lock expires by itself")
