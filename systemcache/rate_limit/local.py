"""The back end for one process: it keeps the process's share of a rate while Redis is away."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from systemcache.rate_limit.backend import Call, Rate, owner_of
from systemcache.storage.rate_limits import GRACE

Place = tuple[bool, float, str]  # whether it is not urgent, when it asked, its token


@dataclass(slots=True)
class _Limit:
    """All by the time at which it is forgotten: calls by token, waiting calls by their place in the queue."""

    calls: dict[str, float] = field(default_factory=dict)
    waiting: dict[Place, float] = field(default_factory=dict)
    paused_until: float = 0.0

    def forget(self, now: float) -> None:
        self.calls = {token: until for token, until in self.calls.items() if until > now}
        self.waiting = {place: until for place, until in self.waiting.items() if until > now}

    def ahead_of(self, place: Place) -> int:
        """How many waiting calls go before: see systemcache.storage.rate_limits."""
        turns = Counter(owner_of(token) for token in self.calls)
        queue = []
        for other in sorted([*self.waiting, place]):
            not_urgent, asked_at, token = other
            turns[owner_of(token)] += 1
            queue.append((not_urgent, turns[owner_of(token)], asked_at, token))
        return next(ahead for ahead, (*_, token) in enumerate(sorted(queue)) if token == place[2])


class LocalBackend:
    """Thread-safe. `clock` counts seconds and never runs backwards."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        self._lock = threading.Lock()
        self._limits: defaultdict[str, _Limit] = defaultdict(_Limit)

    def size(self) -> int:
        """How many calls are kept, those that wait included."""
        return sum(len(limit.calls) + len(limit.waiting) for limit in self._limits.values())

    def acquire(self, call: Call, rate: Rate, max_wait: float) -> float:
        place = not call.urgent, call.asked_at, call.token
        with self._lock:
            now, limit = self._clock(), self._limits[call.limit]
            limit.forget(now)
            limit.waiting.pop(place, None)
            limit.calls.pop(call.token, None)
            ahead = limit.ahead_of(place)
            # When each slot is free at the earliest: that of a call in flight in a window, if it ended now.
            slots = [min(until, now + rate.window) for until in limit.calls.values()]
            if limit.paused_until > now:
                slots += [limit.paused_until] * rate.calls
            if len(slots) + ahead < rate.calls:
                limit.calls[call.token] = now + call.counts_for
                return 0.0
            rounds, slot = divmod(ahead, rate.calls)
            wait = ([now] * rate.calls + sorted(slots))[slot - rate.calls] + rounds * rate.window - now
            if wait <= max_wait:
                limit.waiting[place] = now + wait + GRACE
            return wait

    def count(self, call: Call) -> None:
        """Count a call that the other back end has let through: it matters when Redis goes away."""
        with self._lock:
            now, limit = self._clock(), self._limits[call.limit]
            limit.forget(now)
            limit.calls[call.token] = now + call.counts_for

    def cancel(self, call: Call) -> None:
        """Stop counting a call: it was not sent after all."""
        with self._lock:
            self._limits[call.limit].calls.pop(call.token, None)

    def release(self, call: Call, rate: Rate) -> None:
        with self._lock:
            calls = self._limits[call.limit].calls
            if call.token in calls:
                calls[call.token] = self._clock() + rate.window

    def pause(self, limit: str, seconds: float) -> None:
        with self._lock:
            state = self._limits[limit]
            state.paused_until = max(state.paused_until, self._clock() + seconds)
