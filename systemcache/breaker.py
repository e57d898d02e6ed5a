"""A circuit breaker: after a failure nobody asks Redis until the keeper has found it again and put it in order.

pybreaker holds one lock for the length of every guarded call, which would put all threads' Redis calls in a queue; and
here a probe that succeeds is not enough: what was dropped while Redis was away has to be dropped before it is trusted.
"""

import logging
import threading
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

STATES = ("closed", "open", "half-open")


class Breaker:
    """Thread-safe; holds no lock during a call. `clock` counts seconds and never runs backwards."""

    def __init__(self, pause: Callable[[], float], clock: Callable[[], float] = time.monotonic) -> None:
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._change = threading.Lock()
        self._setbacks = 0  # calls that failed, and drops that were not even tried
        self._known = 0  # of those: what was left undone by them is carried out by the probe under way
        self._opened_at: float | None = None
        self._probing = False
        self._takes_drops = False

    @property
    def state(self) -> str:
        """`closed` (in use), `open` (left alone) or `half-open` (being tried and put in order)."""
        if self._probing:
            return "half-open"
        return "closed" if self._opened_at is None else "open"

    def allows(self) -> bool:
        return self._opened_at is None

    def failed(self, why: str = "it has failed") -> None:
        """Opens it, or starts the pause anew."""
        with self._change:
            opens = self._opened_at is None
            self._opened_at = self._clock()
            self._setbacks += 1
            self._takes_drops = False
        if opens:
            logger.warning("cache: Redis is left alone, and the site goes on without it: %s", why)

    def leaves_undone(self) -> bool:
        """Whether a drop is not to be tried; if so it stays open until `put_in_order` has been called anew."""
        with self._change:
            undone = self._opened_at is not None and not self._takes_drops
            self._setbacks += undone
        return undone

    def takes_drops(self) -> None:
        """Said in a probe, before it looks for what is on record: Redis answers, so drops are tried from here on.

        What was left undone until now is on record. Else a process that writes all the time would never be in order.
        """
        with self._change:
            self._takes_drops, self._known = True, self._setbacks

    def reset(self) -> None:
        """Closes it: Redis is there and in order."""
        self._opened_at = None
        self._probing = self._takes_drops = False

    def probe(self, put_in_order: Callable[[], bool]) -> None:
        """After the pause, tries Redis by `put_in_order`, and closes if that succeeds. One thread at a time."""
        with self._lock:
            opened = self._opened_at
            if opened is None or self._clock() - opened < self._pause():
                return
            self._known, self._probing = self._setbacks, True
            in_order: bool | None = None
            try:
                in_order = put_in_order()
            finally:
                self._end(in_order)

    def _end(self, in_order: bool | None) -> None:
        """Of a probe; None: it raised."""
        with self._change:
            self._probing = self._takes_drops = False
            if in_order is False:
                self._opened_at = self._clock()
            elif in_order and self._setbacks == self._known:  # else something came up: the next probe sees to it
                self._opened_at = None
        if self.allows():
            logger.warning("cache: Redis is in use again, and in order")
