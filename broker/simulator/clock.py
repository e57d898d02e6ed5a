"""The simulator's own time, with a start and speed of its own, frozen during each call."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time
from threading import local

from broker.simulator.options import SimulatorError, SimulatorOptions
from broker.simulator.wire import IST, Clock

MAX_SPEED = 10_000.0


class SimulatedClock:
    """Counts in IST from its creation."""

    def __init__(self, clock: Clock, options: SimulatorOptions) -> None:
        if not 0 < options.speed <= MAX_SPEED:
            raise SimulatorError(f"The clock's speed must be above 0 and at most {MAX_SPEED:.0f}.")
        self._clock = clock
        self._speed = options.speed
        self._created_at = clock().astimezone(IST)
        self._start = _start_time(self._created_at, options.start)
        self._frozen = local()

    def __call__(self) -> datetime:
        frozen: datetime | None = getattr(self._frozen, "now", None)
        return frozen or self._start + (self._clock().astimezone(IST) - self._created_at) * self._speed

    @contextmanager
    def frozen(self) -> Iterator[datetime]:
        """Show this thread the same time throughout, because on a fast clock a call takes minutes."""
        earlier = getattr(self._frozen, "now", None)
        self._frozen.now = self()
        try:
            yield self._frozen.now
        finally:
            self._frozen.now = earlier


def _start_time(now: datetime, start: time | datetime | None) -> datetime:
    if start is None:
        return now
    if isinstance(start, datetime):
        return start.replace(tzinfo=start.tzinfo or IST).astimezone(IST)
    return datetime.combine(now, start, IST)
