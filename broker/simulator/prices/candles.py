"""Candles in whole paise, and merging short ones into long ones."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Protocol

import msgspec

from broker.simulator.wire import IST, rupees

OPENS_AT = time(9, 15)
SESSION_MINUTES = 375
SESSION_SECONDS = SESSION_MINUTES * 60
TICK = 5

# The broker's names of the intervals, with the minutes of one candle.
INTRADAY = {
    "1 minute": 1,
    "5 minutes": 5,
    "10 minutes": 10,
    "15 minutes": 15,
    "30 minutes": 30,
    "60 minutes": 60,
}
DAILY = "1 day"
WEEKLY = "weekly"
MONTHLY = "monthly"
INTERVALS = frozenset({*INTRADAY, DAILY, WEEKLY, MONTHLY})


class Candle(msgspec.Struct, frozen=True):
    start: datetime
    open: int
    high: int
    low: int
    close: int
    volume: int

    @property
    def day(self) -> date:
        return self.start.date()

    def row(self) -> list[object]:
        """Format as the broker does: an IST timestamp without an offset, rupees, shares."""
        prices = map(rupees, (self.open, self.high, self.low, self.close))
        return [self.start.isoformat()[:19], *prices, self.volume]


class Prices(Protocol):
    """A source of daily candles."""

    def days(self, symbol: str, first: date, last: date) -> list[Candle]: ...

    def latest(self, symbol: str, until: date, count: int) -> list[Candle]:
        """Return the last `count` days up to this one."""
        ...


def opening(day: date) -> datetime:
    return datetime.combine(day, OPENS_AT, IST)


def on_tick(paise: float) -> int:
    return max(TICK, round(paise / TICK) * TICK)


def week_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def month_of(day: date) -> date:
    return day.replace(day=1)


def merge(candles: list[Candle], start: datetime) -> Candle:
    return Candle(
        start=start,
        open=candles[0].open,
        high=max(candle.high for candle in candles),
        low=min(candle.low for candle in candles),
        close=candles[-1].close,
        volume=sum(candle.volume for candle in candles),
    )


def by_minutes(minutes: list[Candle], length: int) -> list[Candle]:
    """Merge minutes into candles of `length` minutes from the opening; the last of a day may be shorter."""
    if length == 1:
        return minutes
    groups = [minutes[first : first + length] for first in range(0, len(minutes), length)]
    return [merge(group, group[0].start) for group in groups]


def by_period(days: Iterable[Candle], period: Callable[[date], date]) -> list[Candle]:
    return [merge(list(group), opening(first)) for first, group in groupby(days, lambda candle: period(candle.day))]
