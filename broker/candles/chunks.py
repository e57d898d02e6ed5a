"""The aligned chunks of days in which candles are cached, so that overlapping ranges share them."""

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
    """Return the chunks that cover the days from `first` to `last`, in order; the outer ones may extend further."""
    covering = [chunk_of(interval, first)]
    while covering[-1].last < last:
        covering.append(chunk_of(interval, covering[-1].last + DAY))
    return covering


def chunk_of(interval: Interval, day: date) -> Chunk:
    """Return a day for short candles, a month for half-hours, hours and days, a year for whole weeks and for months."""
    if interval in (Interval.MINUTES_30, Interval.MINUTES_60, Interval.DAY):
        first = day.replace(day=1)
        return Chunk(first, (first + 31 * DAY).replace(day=1) - DAY)
    if interval is Interval.WEEK:  # from a year's first Monday to the Sunday before the next one's: no week is split
        year = day.year if day >= _first_monday(day.year) else day.year - 1
        return Chunk(_first_monday(year), _first_monday(year + 1) - DAY)
    if interval is Interval.MONTH:
        return Chunk(date(day.year, 1, 1), date(day.year, 12, 31))
    return Chunk(day, day)


def _first_monday(year: int) -> date:
    new_year = date(year, 1, 1)
    return new_year + -new_year.weekday() % 7 * DAY


def group_adjacent(chunks: Iterable[Chunk], longest: int) -> list[list[Chunk]]:
    """Group neighbouring chunks, up to `longest` days each: a group is one call to the broker."""
    groups: list[list[Chunk]] = []
    for chunk in sorted(chunks):
        group = groups[-1] if groups else None
        if group and group[-1].last + DAY == chunk.first and (chunk.last - group[0].first).days < longest:
            group.append(chunk)
        else:
            groups.append([chunk])
    return groups
