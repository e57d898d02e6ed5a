"""When the cache is filled before anybody asks: once after the start, and before each market opening."""

from collections.abc import Callable
from datetime import datetime, time, timedelta

from broker.values import IST
from tradingsite.children import Child

# The market opens at 9:15 (IST); the broker's contract files of the day are out by then.
AT = time(9, 5)
FRIDAY = 4


def now() -> datetime:
    return datetime.now(IST)


def next_after(moment: datetime) -> datetime:
    """The next warming before an opening. On holidays too: they are not known beforehand, and it costs a few calls."""
    at = datetime.combine(moment.astimezone(IST).date(), AT, IST)
    while at <= moment or at.weekday() > FRIDAY:
        at += timedelta(days=1)
    return at


class WarmUp:
    """Starts runs by `start`. Their end, good or not, is no matter of the site's: look() is to be called often."""

    def __init__(self, start: Callable[[], Child], clock: Callable[[], datetime] = now) -> None:
        self._start, self._clock = start, clock
        self._run: Child | None = None
        self._due = clock()

    def look(self) -> None:
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
