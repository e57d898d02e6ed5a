"""The circuit breaker before Redis: after a failure the process does not use Redis until recovery has found it in order
again.

pybreaker holds one lock for the length of every guarded call, which would queue all threads' Redis calls. And here a
probe that succeeds is not enough: what was invalidated during the outage has to be invalidated before Redis is trusted.
"""

import logging
import threading
import time
from collections.abc import Callable

from systemcache import conf, process_state

logger = logging.getLogger(__name__)

FLAPPING = 10.0  # seconds: a breaker that opens so soon after it has closed, by a time-out, pauses for twice as long
MAX_PAUSES = 4  # and for so many pauses at the most

STATES = ("closed", "open", "half-open")


class Breaker:
    """Thread-safe; holds no lock during a call. `clock` counts seconds and never runs backwards."""

    def __init__(self, pause: Callable[[], float], clock: Callable[[], float] = time.monotonic) -> None:
        self._pause = pause
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Close it, as in a new process."""
        self._probe_lock = threading.Lock()
        self._lock = threading.Lock()
        self._failures = 0  # calls that failed, and invalidations that were not even tried
        self._failures_known = 0  # those whose invalidations the current probe carries out
        self._opened_at: float | None = None
        self._closed_at = float("-inf")
        self._pauses = 1
        self.why = ""  # what has failed last
        self._logged: set[str] = set()  # what the log says of this outage
        self._probing = False
        self._allows_invalidations = False

    @property
    def state(self) -> str:
        """`closed` (in use), `open` (not used) or `half-open` (being probed)."""
        if self._probing:
            return "half-open"
        return "closed" if self._opened_at is None else "open"

    def allows(self) -> bool:
        return self._opened_at is None

    def failed(self, why: str = "it has failed", *, slow: bool = False) -> None:
        """Open it, for a pause at least. `slow`: the call has waited for its time-out, and others with it."""
        with self._lock:
            opens = self._opened_at is None
            if opens:
                self._opened_at = self._clock()
                flaps = self._opened_at - self._closed_at < FLAPPING
                self._pauses = min(2 * self._pauses, MAX_PAUSES) if flaps and slow else 1
                self._logged = set()
            self._failures += 1
            self.why = why
            self._allows_invalidations = False
            is_news = why not in self._logged
            self._logged.add(why)
        if is_news:  # a server that is gone may be loading, or be a replica, when it is back
            logger.warning("cache: circuit breaker open, serving without Redis: %s", why)

    def refuse_invalidation(self) -> bool:
        """Whether an invalidation must not be tried now. If so the breaker stays open until it has been replayed."""
        with self._lock:
            refused = self._opened_at is not None and not self._allows_invalidations
            self._failures += refused
        return refused

    def allow_invalidations(self) -> None:
        """Called during a probe, before pending invalidations are read: Redis answers, so try invalidations again.

        What was refused until now is on record. Without this a process that writes all the time would never catch up.
        """
        with self._lock:
            self._allows_invalidations, self._failures_known = True, self._failures

    def probe(self, replay: Callable[[], bool]) -> None:
        """After the pause, try Redis by `replay`, and close if that succeeds. One thread at a time.

        A probe that fails may be repeated at once, because only its own thread waits for it.
        """
        with self._probe_lock:
            opened = self._opened_at
            if opened is None or self._clock() - opened < self._pauses * self._pause():
                return
            self._failures_known, self._probing = self._failures, True
            succeeded: bool | None = None
            try:
                succeeded = replay()
            finally:
                self._finish_probe(succeeded)

    def _finish_probe(self, succeeded: bool | None) -> None:
        """Finish a probe; `None` means that it raised."""
        with self._lock:
            self._probing = self._allows_invalidations = False
            if succeeded and self._failures == self._failures_known:  # otherwise the next probe replays the rest
                self._opened_at, self._closed_at = None, self._clock()
        if self.allows():
            logger.warning("cache: circuit breaker closed, Redis is in use again")


breaker = process_state.register(Breaker(conf.breaker_pause))
