"""Aligned stretches of days in which candles are kept, so that ranges that overlap share what was fetched."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple

from broker.values import Interval

DAY = timedelta(days=1)


class Chunk(NamedTuple):
    """The days from `first` to `last`, both included."""

    first: date
    last: date

    def days(self) -> int:
        return (self.last - self.first).days + 1


def chunks(interval: Interval, first: date, last: date) -> list[Chunk]:
    """The chunks that hold the days from `first` to `last`, in order; the outer ones may reach beyond."""
    found = [chunk_of(interval, first)]
    while found[-1].last < last:
        found.append(chunk_of(interval, found[-1].last + DAY))
    return found


def chunk_of(interval: Interval, day: date) -> Chunk:
    """A day of short candles, a month of half-hours, hours and days, a year of whole weeks or of months."""
    if interval in (Interval.MINUTES_30, Interval.MINUTES_60, Interval.DAY):
        return _month(day)
    if interval is Interval.WEEK:
        return _year_of_weeks(day)
    if interval is Interval.MONTH:
        return Chunk(date(day.year, 1, 1), date(day.year, 12, 31))
    return Chunk(day, day)


def _month(day: date) -> Chunk:
    first = day.replace(day=1)
    return Chunk(first, (first + 31 * DAY).replace(day=1) - DAY)


def _year_of_weeks(day: date) -> Chunk:
    """From a year's first Monday to the Sunday before the next one's: no week is cut."""
    first = _first_monday(day.year)
    if day < first:
        return Chunk(_first_monday(day.year - 1), first - DAY)
    return Chunk(first, _first_monday(day.year + 1) - DAY)


def _first_monday(year: int) -> date:
    new_year = date(year, 1, 1)
    return new_year + -new_year.weekday() % 7 * DAY


def runs(wanted: Iterable[Chunk], longest: int) -> list[list[Chunk]]:
    """Neighbouring chunks together, as many as fit into `longest` days: each run is one call to the broker."""
    found: list[list[Chunk]] = []
    for chunk in sorted(wanted):
        run = found[-1] if found else None
        if run and run[-1].last + DAY == chunk.first and (chunk.last - run[0].first).days < longest:
            run.append(chunk)
        else:
            found.append([chunk])
    return found
