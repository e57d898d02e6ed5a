"""The simulator's own time: begun when one likes, as fast as one likes, and held while a call is answered."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time
from threading import local

from broker.simulator.options import SimulatorError, SimulatorOptions
from broker.simulator.wire import IST, Clock

FASTEST = 10_000.0


class RunningClock:
    """In IST; begins when it is made."""

    def __init__(self, clock: Clock, options: SimulatorOptions) -> None:
        if not 0 < options.speed <= FASTEST:
            raise SimulatorError(f"The clock's speed has to lie above 0 and at most at {FASTEST:.0f}.")
        self._clock = clock
        self._speed = options.speed
        self._began = clock().astimezone(IST)
        self._first = _first(self._began, options.start)
        self._held = local()

    def __call__(self) -> datetime:
        held: datetime | None = getattr(self._held, "now", None)
        return held or self._first + (self._clock().astimezone(IST) - self._began) * self._speed

    @contextmanager
    def held(self) -> Iterator[datetime]:
        """This thread sees one and the same time meanwhile: on a fast clock a call takes minutes."""
        self._held.now = self()
        try:
            yield self._held.now
        finally:
            self._held.now = None


def _first(began: datetime, start: time | datetime | None) -> datetime:
    if start is None:
        return began
    if isinstance(start, datetime):
        return start.replace(tzinfo=start.tzinfo or IST).astimezone(IST)
    return datetime.combine(began, start, IST)
