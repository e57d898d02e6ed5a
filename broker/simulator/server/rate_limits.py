"""The broker's rate limits: calls per second, per session and family of routes."""

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from threading import Lock

WINDOW = 1.0
MAX_COUNTS = 1000

# For applications not registered as algorithms. For historicaldata the documents say both 3 and 10; 3 is safe.
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
    """Limits calls in a sliding window of one second; a refused call does not count."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._times: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)
        self._lock = Lock()

    def size(self) -> int:
        """How many sessions and families have a count."""
        return len(self._times)

    def allow(self, session: str, family: str, *, part: str = "", overrides: Mapping[str, int] | None = None) -> bool:
        """Count a call if it is allowed.

        `part` distinguishes what is counted separately inside a family, such as each contract file. `overrides` holds
        limits by family that differ from the usual ones.
        """
        with self._lock:
            now = self._monotonic()
            if len(self._times) > MAX_COUNTS:
                self._evict_idle(now - WINDOW)
            times = self._times[session, family + part]
            while times and times[0] <= now - WINDOW:
                times.popleft()
            if len(times) >= (PER_SECOND | dict(overrides or {}))[family]:
                return False
            times.append(now)
            return True

    def _evict_idle(self, before: float) -> None:
        """Delete the counts of sessions and files without recent calls."""
        idle = [key for key, times in self._times.items() if not times or times[-1] <= before]
        for key in idle:
            del self._times[key]
