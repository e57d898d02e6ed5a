"""When the exchanges may trade. What the calendar does not know is not taken for closed."""

import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import lru_cache

from broker.calendar import announced, files, hours, table
from broker.calendar.hours import InvalidHours, Session
from broker.clock import IST
from broker.values import CONTRACT_FILES, CalendarRow, Exchange

logger = logging.getLogger(__name__)

SATURDAY = 5
CLOSED_FOR = 30.0  # seconds at least, of a market that the stream calls closed: a halt may end at any time
DAYS_AHEAD = 30  # for which the next opening is looked for
# Those whose instruments this site can trade; indices have none.
TRADED = tuple(exchange for exchange in CONTRACT_FILES if exchange is not Exchange.INDICES)


class Calendar:
    """The hours of all exchanges; of two rows for the same day, the later one counts."""

    def __init__(self, rows: Iterable[CalendarRow]) -> None:
        self.rows = {(row.exchange, row.day, row.weekly): row for row in rows}
        self._weekly: defaultdict[str, list[CalendarRow]] = defaultdict(list)  # the latest first
        self._known_years: set[tuple[str, int]] = set()
        for row in sorted(self.rows.values(), key=lambda row: row.day, reverse=True):
            if row.weekly:
                self._weekly[row.exchange].append(row)
            elif row.hours == hours.CLOSED:
                self._known_years.add((row.exchange, row.day.year))

    def knows(self, exchange: str, year: int) -> bool:
        """Whether the exchange's holidays of a year are known: whether it has any."""
        return (exchange, year) in self._known_years

    def sessions(self, exchange: str, day: date) -> list[Session]:
        """Return when the exchange may trade on a day: the whole day if that is not known.

        In a year whose holidays are not known, there may be a session on a weekend too.
        """
        row = self.rows.get((exchange, day, False))
        if row and row.hours != hours.REGULAR:
            return _sessions(row, day)
        weekly = next((week for week in self._weekly[exchange] if week.day <= day), None)
        if weekly is None:
            return hours.whole_day(day)
        is_weekday = day.weekday() < SATURDAY or row is not None
        return _sessions(weekly, day) if is_weekday or not self.knows(exchange, day.year) else []

    def seconds_until_open(self, now: datetime, exchange: str) -> float:
        local = now.astimezone(IST)
        for ahead in range(DAYS_AHEAD):
            for opens, closes in self.sessions(exchange, local.date() + timedelta(days=ahead)):
                if local < closes:
                    return max(0.0, (opens - local).total_seconds())
        return timedelta(days=DAYS_AHEAD).total_seconds()


def calendar() -> Calendar:
    """Return the calendar in force. Reading it takes no query while it is cached."""
    return _build(tuple(table.rows()))


@lru_cache(2)
def _build(corrections: tuple[CalendarRow, ...]) -> Calendar:
    return Calendar([*files.shipped(), *corrections])


def seconds_until_open(now: datetime, exchange: str = "") -> float:
    """Return 0 while the exchange may be trading; without an exchange, while any may be.

    What the broker's stream says of an exchange counts; the calendar, where it says nothing.
    """
    known = calendar()
    return min(_seconds_until_open(known, now, each) for each in ([exchange] if exchange else TRADED))


def _seconds_until_open(known: Calendar, now: datetime, exchange: str) -> float:
    is_open = announced.is_open(exchange)
    if is_open:
        return 0.0
    by_calendar = known.seconds_until_open(now, exchange)
    return by_calendar if is_open is None else max(by_calendar, CLOSED_FOR)


def _sessions(row: CalendarRow, day: date) -> list[Session]:
    try:
        return hours.sessions(row.hours, day)
    except InvalidHours as error:  # written past the form and the command
        logger.warning("broker: the calendar's hours of %s on %s are not known: %s", row.exchange, row.day, error)
        return hours.whole_day(day)
