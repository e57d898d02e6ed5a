"""Candles and prices of all instruments as of now."""

from datetime import date, datetime, timedelta

import msgspec

from broker.simulator.candles import (
    DAILY,
    INTRADAY,
    OPENS,
    SESSION_SECONDS,
    WEEKLY,
    Candle,
    Prices,
    by_minutes,
    by_period,
    month_of,
    opening,
    week_of,
)
from broker.simulator.contracts import Contract
from broker.simulator.generated import GeneratedPrices
from broker.simulator.instruments import INTRADAY_ONLY
from broker.simulator.intraday import DayPath, day_path
from broker.simulator.replayed import ReplayedPrices
from broker.simulator.script import Script
from broker.simulator.scripted import ScriptedDay, ScriptedPath, ScriptedPrices
from broker.simulator.wire import Clock

_MONTH_AT_MOST = timedelta(days=31)


class Snapshot(msgspec.Struct, frozen=True):
    """A price with the session it belongs to, as far as that has come."""

    at: datetime
    price: int
    day: Candle
    previous_close: int


class Market:
    """A symbol with a file lives from its file alone, the others from the seed; on one day, some from a script."""

    def __init__(
        self, replayed: ReplayedPrices, generated: GeneratedPrices, now: Clock, seed: int, script: Script | None = None
    ) -> None:
        self._replayed = replayed
        self._generated = generated
        self._now = now
        self._seed = seed
        day = now().date()
        self._scripted = ScriptedPrices(script or Script(), day, self._unscripted)
        self.scripted_day = ScriptedDay(script or Script(), day)

    def candles(self, contract: Contract, interval: str, first: date, last: date) -> list[Candle]:
        if interval in INTRADAY:
            return self._intraday(contract.symbol, INTRADAY[interval], first, last)
        if contract.symbol in INTRADAY_ONLY:
            return []
        if interval == DAILY:
            return self._days(contract.symbol, first, last)
        period = week_of if interval == WEEKLY else month_of
        days = self._days(contract.symbol, first, last + _MONTH_AT_MOST)
        return by_period((day for day in days if first <= period(day.day) <= last), period)

    def snapshot(self, contract: Contract, at: datetime | None = None) -> Snapshot | None:
        """None when no session has taken place yet, as before the first row of a file."""
        at = self.scripted_day.last_open(at or self._now())
        until = at.date() if at.time() >= OPENS else at.date() - timedelta(days=1)
        recent = self._source(contract.symbol).latest(contract.symbol, until, 2)
        if not recent:
            return None
        day, previous_close = recent[-1], recent[0].close if len(recent) == 2 else recent[0].open
        elapsed = _elapsed_in_session(at)
        path = self._path(contract.symbol, day)
        as_it_stands = path.so_far(elapsed) if day.day == at.date() else None
        return Snapshot(
            at=day.start + timedelta(seconds=elapsed),
            price=path.price_at(elapsed),
            day=as_it_stands or day,
            previous_close=previous_close,
        )

    def passed(self, contract: Contract, after: datetime, until: datetime) -> list[tuple[datetime, int]]:
        """Where a scripted price has been meanwhile, in order; of other symbols nothing, they are met as they are."""
        path = self._scripted.path(contract.symbol, until.date())
        if path is None:
            return []
        opened = opening(until.date())
        since, now = ((at - opened).total_seconds() for at in (after, until))
        moved = [(opened + timedelta(seconds=at), price) for at, price in path.ticks(since, now)]
        turns = self.scripted_day.turns(contract.symbol, after, until)
        stood = [(at, path.price_at((at - opened).total_seconds())) for at in turns]
        return sorted([*moved, *stood])

    def _days(self, symbol: str, first: date, last: date) -> list[Candle]:
        """Whole days, and of today what has passed of it."""
        now = self.scripted_day.last_open(self._now())
        days = self._source(symbol).days(symbol, first, min(last, now.date()))
        if not days or days[-1].day != now.date():
            return days
        today = self._path(symbol, days[-1]).so_far(_elapsed(now, now.date()))
        return [*days[:-1], today] if today else days[:-1]

    def _intraday(self, symbol: str, length: int, first: date, last: date) -> list[Candle]:
        now = self.scripted_day.last_open(self._now())
        days = self._source(symbol).days(symbol, first, min(last, now.date()))
        candles = []
        for day in days:
            minutes = self._path(symbol, day).minutes(_elapsed(now, day.day))
            candles += by_minutes(minutes, length)
        return candles

    def _path(self, symbol: str, day: Candle) -> DayPath | ScriptedPath:
        return self._scripted.path(symbol, day.day) or day_path(f"{self._seed}|{symbol}", day)

    def _source(self, symbol: str) -> Prices:
        return self._scripted if self._scripted.has(symbol) else self._unscripted(symbol)

    def _unscripted(self, symbol: str) -> Prices:
        return self._replayed if self._replayed.has(symbol) else self._generated


def _elapsed(now: datetime, day: date) -> float:
    """Seconds since that day's opening."""
    return (now - opening(day)).total_seconds()


def _elapsed_in_session(at: datetime) -> float:
    """Seconds since the opening, or those of a whole session when the market is closed.

    A file that ended years ago so plays its last day again and again, in step with the time of day.
    """
    elapsed = _elapsed(at, at.date())
    is_open = at.weekday() < 5 and 0 <= elapsed < SESSION_SECONDS
    return elapsed if is_open else SESSION_SECONDS
