"""When `runsite` warms the cache: once after the start, and before each market opening."""

from collections.abc import Callable
from datetime import datetime, time, timedelta

from broker.clock import IST
from tradingsite.processes import ChildProcess

# The market opens at 9:15 (IST), and the broker has published the day's contract files by 9:05.
AT = time(9, 5)
FRIDAY = 4


def now() -> datetime:
    return datetime.now(IST)


def next_after(moment: datetime) -> datetime:
    """The next warming before an opening, on holidays too: they are not known here, and it costs only a few calls."""
    at = datetime.combine(moment.astimezone(IST).date(), AT, IST)
    while at <= moment or at.weekday() > FRIDAY:
        at += timedelta(days=1)
    return at


class WarmingSchedule:
    """Calls `start` for each run; a failed run does not matter to the site. Call run_if_due() often."""

    def __init__(self, start: Callable[[], ChildProcess], clock: Callable[[], datetime] = now) -> None:
        self._start, self._clock = start, clock
        self._run: ChildProcess | None = None
        self._due = clock()

    def run_if_due(self) -> None:
        if self._run and self._run.ended:
            self._run = None
        if self._clock() < self._due:
            return
        self._due = next_after(self._clock())
        if self._run is None:
            self._run = self._start()

    def stop(self) -> None:
        if self._run and not self._run.ended:
            self._run.stop()
