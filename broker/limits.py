"""The broker's limits of calls a second (iifl_api §4.3), kept by all processes together."""

import math
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol

from broker import conf, meters
from broker.errors import NoTurn
from systemcache import timing, turns
from systemcache.own_turns import NoTurnSoon, Pace

WINDOW = 1.05  # seconds: the broker's one, and what its clock and ours may differ by
LONGEST_NAP = 0.1  # seconds between two looks whether a call may be sent whose turn has come

_patience: ContextVar[float | None] = ContextVar("patience", default=None)


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Calls inside wait so long for their turn: for work behind which nobody waits."""
    token = _patience.set(seconds)
    try:
        yield
    finally:
        _patience.reset(token)


class Limiter(Protocol):
    """What a transport asks before each call. `family`: the name of a limit; with a part of its own behind a colon."""

    def turn(self, family: str) -> AbstractContextManager[None]:
        """Waits until a call may be sent, which is to be made inside. Raises NoTurn when that takes too long."""

    def pause(self, family: str, seconds: float) -> None:
        """The broker has said 429: nobody calls for so long."""


class SharedLimiter:
    """One over all processes, by Redis; a share of it in each while Redis is away."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep

    @contextmanager
    def turn(self, family: str) -> Iterator[None]:
        pace, token = _pace(family), secrets.token_hex(8)
        self._counted_wait(family, token, pace)
        try:
            yield
        finally:
            turns.leave(family, token, pace)

    def _counted_wait(self, family: str, token: str, pace: Pace) -> None:
        limit = family.partition(":")[0]
        try:
            waited = self._wait(family, token, pace)
        except NoTurn:
            meters.REFUSALS.add(limit)
            raise
        if waited:
            meters.WAITS.add(limit)
            meters.WAIT_SECONDS.add(limit, waited)

    def _wait(self, family: str, token: str, pace: Pace) -> float:
        """Seconds that it took. Raises NoTurn."""
        patient = _patient()
        deadline = self._clock() + patient
        try:
            waited = self._nap(turns.take(family, pace, longest=patient, processes=conf.processes()))
        except NoTurnSoon as error:
            raise NoTurn(math.ceil(max(1.0, error.seconds - patient))) from None
        while wait := turns.enter(family, token, pace, conf.processes()):
            if self._clock() >= deadline + pace.window:
                raise NoTurn
            waited += self._nap(min(wait, LONGEST_NAP))
        return waited

    def _nap(self, seconds: float) -> float:
        if seconds:
            with timing.span("limiter"):
                self._sleep(seconds)
        return seconds

    def pause(self, family: str, seconds: float) -> None:
        turns.pause(family, _pace(family), seconds=seconds)


def _pace(family: str) -> Pace:
    return Pace(conf.calls_per_second(family.partition(":")[0]), WINDOW)


def _patient() -> float:
    chosen = _patience.get()
    return conf.limit_wait() if chosen is None else chosen
