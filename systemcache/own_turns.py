"""What a process knows by itself of the calls that it makes: enough to keep to its share when Redis cannot be asked."""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]  # counts seconds and never runs backwards


@dataclass(frozen=True, slots=True)
class Pace:
    """At most `calls` in any `window` seconds."""

    calls: int
    window: float

    def shared(self, processes: int) -> "Pace":
        """One process's share, so that all shares together keep the pace in each window.

        Where there are more processes than calls that cannot be had without asking: then they do on average.
        """
        if processes <= self.calls:
            return Pace(self.calls // processes, self.window)
        return Pace(1, self.window * processes / self.calls)


class NoTurnSoon(Exception):
    """The next turn comes in `seconds`, which is longer than the caller wants to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the next turn comes in {seconds:.1f} s")
        self.seconds = seconds


class OwnTurns:
    """The turns of one process, by name. Thread-safe."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._given: defaultdict[str, deque[float]] = defaultdict(deque)

    def take(self, name: str, pace: Pace, longest: float) -> float:
        with self._lock:
            now, given = self._clock(), self._given[name]
            turn = max(now, given[-pace.calls] + pace.window) if len(given) >= pace.calls else now
            if turn - now > longest:
                raise NoTurnSoon(turn - now)
            self._note(given, turn, pace.calls)
            return turn - now

    def note(self, name: str, delay: float, pace: Pace) -> None:
        """A turn that Redis has given: it counts if Redis goes away."""
        with self._lock:
            self._note(self._given[name], self._clock() + delay, pace.calls)

    def pause(self, name: str, pace: Pace, seconds: float) -> None:
        with self._lock:
            for _ in range(pace.calls):
                self._note(self._given[name], self._clock() + seconds - pace.window, pace.calls)

    def forget(self) -> None:
        with self._lock:
            self._given.clear()

    @staticmethod
    def _note(given: deque[float], turn: float, kept: int) -> None:
        given.append(turn)
        while len(given) > kept:
            given.popleft()


class OwnCalls:
    """The calls of one process that their source may count now, by name. Thread-safe."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until: defaultdict[str, dict[str, float]] = defaultdict(dict)  # by token

    def enter(self, name: str, token: str, pace: Pace, longest: float) -> float:
        """0: the caller's counts from now on, for `longest` seconds unless it leaves. Else in how many to ask again."""
        with self._lock:
            now = self._clock()
            until = self._until[name] = {mine: end for mine, end in self._until[name].items() if end > now}
            if len(until) >= pace.calls:
                # The calls of this process may have been more than its share is now.
                return sorted(until.values())[len(until) - pace.calls] - now
            until[token] = now + longest
            return 0.0

    def leave(self, name: str, token: str, window: float) -> None:
        """It has ended, and counts for a window more."""
        with self._lock:
            if token in self._until[name]:
                self._until[name][token] = self._clock() + window

    def withdraw(self, name: str, token: str) -> None:
        """It was not made."""
        with self._lock:
            self._until[name].pop(token, None)

    def forget(self) -> None:
        with self._lock:
            self._until.clear()


class Absence:
    """Since when Redis cannot be asked, and for how long it has been back."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._since: float | None = None
        self._back: float | None = None

    def lost(self, window: float) -> float:
        """Seconds until what others called while Redis was there counts no more."""
        now = self._clock()
        if self._since is None:
            self._since = now
        self._back = None
        return max(0.0, self._since + window - now)

    def found(self, settled: float) -> None:
        """Redis has answered; after `settled` seconds in which it always did, it is as if it had never been away."""
        if self._since is None:
            return
        now = self._clock()
        if self._back is None:
            self._back = now
        elif now - self._back >= settled:
            self.forget()

    def lasts(self) -> bool:
        return self._since is not None

    def forget(self) -> None:
        self._since = self._back = None
