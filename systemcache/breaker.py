"""A circuit breaker: after some failures in a row nobody asks for a while, then one caller tries again.

pybreaker holds one lock for the length of every guarded call, which would put all threads' Redis calls in a queue.
"""

import threading
import time
from collections.abc import Callable


class Breaker:
    """Thread-safe; holds no lock during a call. `clock` counts seconds and never runs backwards."""

    def __init__(self, failures: int, pause: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = failures
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._retry_at = 0.0

    @property
    def state(self) -> str:
        """`closed` (in use), `open` (left alone) or `half-open` (the next caller tries)."""
        if self._failures < self._limit:
            return "closed"
        return "open" if self._clock() < self._retry_at else "half-open"

    def allows(self) -> bool:
        """Whether the caller may ask now. After the pause the first to come is the probe; the others still wait."""
        if self._failures < self._limit:
            return True
        with self._lock:
            if self._clock() < self._retry_at:
                return False
            self._retry_at = self._clock() + self._pause
            return True

    def succeeded(self) -> None:
        if self._failures:
            self._failures = 0

    def reset(self) -> None:
        """As new: for tests, and for an operator who knows that Redis is back."""
        self._failures = 0

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            self._retry_at = self._clock() + self._pause
