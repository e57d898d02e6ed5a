"""The broker's limits: calls per second, per session and family of routes."""

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from threading import Lock

WINDOW = 1.0
KEPT_COUNTS = 1000

# For applications not registered as algorithms. On historicaldata the papers say 3 and 10: 3 is safe.
PER_SECOND = {
    "getusersession": 3,
    "logout": 2,
    "profile": 3,
    "limits": 10,
    "holdings": 3,
    "positions": 3,
    "orders": 3,
    "order": 10,
    "orderchange": 10,
    "cancelall": 3,
    "trades": 3,
    "historicaldata": 3,
    "marketquotes": 10,
    "marketdepth": 10,
    "openinterest": 10,
    "margin": 10,
    "contractfiles": 2,
}


class RateLimits:
    """A sliding window of one second; a refused call does not count."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._answered: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)
        self._lock = Lock()

    def allow(self, session: str, family: str, *, part: str = "", instead: Mapping[str, int] | None = None) -> bool:
        """`part` tells apart what has a count of its own inside a family, such as each contract file.

        `instead` holds limits that differ from the usual ones, by family.
        """
        with self._lock:
            now = self._monotonic()
            if len(self._answered) > KEPT_COUNTS:
                self._forget(now - WINDOW)
            answered = self._answered[session, family + part]
            while answered and answered[0] <= now - WINDOW:
                answered.popleft()
            if len(answered) >= (PER_SECOND | dict(instead or {}))[family]:
                return False
            answered.append(now)
            return True

    def _forget(self, before: float) -> None:
        """Drops the counts of sessions and files that nobody uses any more."""
        idle = [key for key, answered in self._answered.items() if not answered or answered[-1] <= before]
        for key in idle:
            del self._answered[key]
