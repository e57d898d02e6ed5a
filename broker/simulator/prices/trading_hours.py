"""When the exchange trades: weekdays that are no holidays, from 09:15 to 15:30."""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from enum import IntEnum

from broker.simulator.prices.candles import OPENS_AT, SESSION_SECONDS, opening

_SATURDAY = 5
_PRE_OPEN_STARTS_AT, _PRE_OPEN_ENDS_AT = time(9, 0), time(9, 8)


class MarketStatus(IntEnum):
    """The stream's codes that a day here has; the broker knows more (iifl_stream §6.4)."""

    PRE_OPEN_STARTED = 0
    PRE_OPEN_CLOSED = 1
    OPENED = 2
    CLOSED = 7
    HALTED = 10


class TradingHours:
    def __init__(self, holidays: Collection[date] = ()) -> None:
        self._holidays = frozenset(holidays)

    def is_holiday(self, day: date) -> bool:
        return day in self._holidays

    def trades_on(self, day: date) -> bool:
        return day.weekday() < _SATURDAY and day not in self._holidays

    def is_open(self, at: datetime) -> bool:
        return 0 <= (at - opening(at.date())).total_seconds() < SESSION_SECONDS and self.trades_on(at.date())

    def status_at(self, at: datetime) -> MarketStatus:
        if self.is_open(at):
            return MarketStatus.OPENED
        if not self.trades_on(at.date()) or not _PRE_OPEN_STARTS_AT <= at.time() < OPENS_AT:
            return MarketStatus.CLOSED
        return MarketStatus.PRE_OPEN_STARTED if at.time() < _PRE_OPEN_ENDS_AT else MarketStatus.PRE_OPEN_CLOSED

    def last_day(self, at: datetime) -> date:
        """Return the last day that may have had a session, which files also have of some weekends."""
        day = at.date() if at.time() >= OPENS_AT else at.date() - timedelta(days=1)
        while self.is_holiday(day):
            day -= timedelta(days=1)
        return day

    def last_session(self, at: datetime) -> date:
        """Return the last day of trading whose session has begun."""
        day = self.last_day(at)
        while not self.trades_on(day):
            day -= timedelta(days=1)
        return day

    def elapsed_in_session(self, at: datetime) -> float:
        """Return the seconds since the opening, or those of a whole session while the market is closed.

        A file that ended years ago therefore repeats its last day, in step with the time of day.
        """
        return (at - opening(at.date())).total_seconds() if self.is_open(at) else SESSION_SECONDS

    def elapsed_in_replay(self, at: datetime) -> float:
        """Return the seconds since the opening of the last session, which is repeated until the next opening."""
        return (at - opening(self.last_session(at))).total_seconds() % SESSION_SECONDS
