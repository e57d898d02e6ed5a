"""The simulator's own time: begun when one likes, and as fast."""

from datetime import datetime, time

from broker.simulator.options import SimulatorError, SimulatorOptions
from broker.simulator.wire import IST, Clock

FASTEST = 10_000.0


def running_clock(clock: Clock, options: SimulatorOptions) -> Clock:
    """In IST; begins now."""
    if not 0 < options.speed <= FASTEST:
        raise SimulatorError(f"The clock's speed has to lie above 0 and at most at {FASTEST:.0f}.")
    began = clock().astimezone(IST)
    first = _first(began, options.start)
    return lambda: first + (clock().astimezone(IST) - began) * options.speed


def _first(began: datetime, start: time | datetime | None) -> datetime:
    if start is None:
        return began
    if isinstance(start, datetime):
        return start.replace(tzinfo=start.tzinfo or IST).astimezone(IST)
    return datetime.combine(began, start, IST)
