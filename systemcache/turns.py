"""Turns to call a source that counts its callers: at most so many in any stretch of time, over all processes.

Redis hands them out in the order of asking. Who has a turn knows when it comes and sleeps until then: the last of many
waiters costs no more than the first. When the turn has come a call still waits for as long as too many others count:
one counts from before it is sent until a window after its end, for when it arrived in between only the source knows.

While Redis is away each process keeps to its share, counting what it has called already.
"""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from systemcache import shared_turns
from systemcache.errors import StoreUnavailable

# Seconds after which a call has arrived, or never will: the time to connect, and a little.
LONGEST_WAY = 6.0


@dataclass(frozen=True, slots=True)
class Pace:
    """At most `calls` in any `window` seconds."""

    calls: int
    window: float

    def shared(self, processes: int) -> "Pace":
        """One process's share: as many times longer for as many times fewer, and never less than one call."""
        calls = max(1, self.calls // processes)
        return Pace(calls, self.window * calls * processes / self.calls)


class NoTurnSoon(Exception):
    """The next turn comes in `seconds`, which is longer than the caller wants to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the next turn comes in {seconds:.1f} s")
        self.seconds = seconds


class OwnTurns:
    """The turns of one process, by name. Thread-safe. `clock` counts seconds and never runs backwards."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
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


own = OwnTurns()


def take(name: str, pace: Pace, *, longest: float, processes: int) -> float:
    """Seconds until a turn that is the caller's from now on. Raises NoTurnSoon when it would be more than `longest`."""
    try:
        delay = shared_turns.take_turn(name, pace.calls, pace.window, longest)
    except StoreUnavailable:
        return own.take(name, pace.shared(processes), longest)
    if delay < 0:
        raise NoTurnSoon(-delay)
    own.note(name, delay, pace)
    return delay


def enter(name: str, token: str, pace: Pace) -> float:
    """0 when the call may be sent; else seconds after which to ask again."""
    try:
        return shared_turns.enter(name, token, pace.calls, LONGEST_WAY)
    except StoreUnavailable:
        return 0.0  # it has had its turn


def leave(name: str, token: str, pace: Pace) -> None:
    with suppress(StoreUnavailable):
        shared_turns.leave(name, token, pace.window)


def pause(name: str, pace: Pace, *, seconds: float) -> None:
    """No turn for so many seconds, in any process: the source has said that it was called too often."""
    own.pause(name, pace, seconds)
    with suppress(StoreUnavailable):  # the others will be told by the source themselves
        shared_turns.pause_turns(name, pace.calls, pace.window, seconds)
