"""Since when Redis has been away, and whether all processes must have found it again."""

import threading
import time
from collections.abc import Callable


class OutageTracker:
    """Thread-safe. `clock` counts seconds and never runs backwards."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        self._lock = threading.Lock()
        self._since: float | None = None
        self._back_since: float | None = None

    def is_on(self) -> bool:
        return self._since is not None

    def redis_lost(self, window: float) -> float:
        """Return the seconds until no call counts that another process made through Redis."""
        with self._lock:
            now = self._clock()
            if self._since is None:
                self._since = now
            self._back_since = None
            return max(0.0, self._since + window - now)

    def redis_answered(self, settled_after: float) -> None:
        """The outage is over once Redis has answered every time for `settled_after` seconds."""
        if self._since is None:
            return
        with self._lock:
            now = self._clock()
            if self._back_since is None:
                self._back_since = now
            elif now - self._back_since >= settled_after:
                self._since = self._back_since = None
