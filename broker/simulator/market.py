"""Candles and prices of all instruments up to now."""

from collections.abc import Collection
from datetime import date, datetime, timedelta

import msgspec

from broker.simulator.prices.candles import (
    DAILY,
    INTRADAY,
    WEEKLY,
    Candle,
    Prices,
    by_minutes,
    by_period,
    month_of,
    opening,
    week_of,
)
from broker.simulator.prices.contracts import Contract
from broker.simulator.prices.generated import GeneratedPrices
from broker.simulator.prices.instruments import INTRADAY_ONLY
from broker.simulator.prices.intraday import DayPath, day_path
from broker.simulator.prices.replayed import ReplayedPrices
from broker.simulator.prices.trading_hours import MarketStatus, TradingHours
from broker.simulator.script.prices import ScriptedDay, ScriptedPath, ScriptedPrices
from broker.simulator.script.script import Script
from broker.simulator.wire import Clock

_MONTH_AT_MOST = timedelta(days=31)


class Snapshot(msgspec.Struct, frozen=True):
    """A price, with the candle so far of the session it belongs to."""

    at: datetime
    price: int
    day: Candle
    previous_close: int


class Session(msgspec.Struct, frozen=True):
    """The session that an instrument's price belongs to, and how far it has got."""

    day: Candle
    previous_close: int
    elapsed: float
    """Seconds since its opening."""
    at: datetime
    is_today: bool
    """Whether its candle is still being made."""


class FixedPrice(msgspec.Struct, frozen=True):
    """A price that somebody set, with the highest and lowest of those set on the same day."""

    at: datetime
    price: int
    high: int
    low: int

    def apply_to(self, snapshot: Snapshot) -> Snapshot:
        day = snapshot.day
        high, low = max(day.high, self.high), min(day.low, self.low)
        changed = msgspec.structs.replace(day, high=high, low=low, close=self.price)
        return Snapshot(max(snapshot.at, self.at), self.price, changed, snapshot.previous_close)


class Market:
    """Prices come from a symbol's file, otherwise from the seed; on the scripted day, those of some from the script."""

    def __init__(
        self,
        replayed: ReplayedPrices,
        generated: GeneratedPrices,
        now: Clock,
        seed: int,
        script: Script | None = None,
        *,
        replays: bool = False,
        holidays: Collection[date] = (),
    ) -> None:
        """With `replays`, the last session is repeated while the market is closed."""
        self._hours = TradingHours(holidays)
        self._replayed = replayed
        self._generated = generated
        self._now = now
        self._seed = seed
        self._replays = replays
        self._fixed: dict[str, FixedPrice] = {}
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
        """Return the price now, or that of a time in the past.

        Return None if there has been no session yet, as before the first row of a file.
        """
        session = self._session(contract.symbol, at)
        if session is None:
            return None
        path = self._path(contract.symbol, session.day)
        as_it_stands = path.so_far(session.elapsed) if session.is_today else None
        snapshot = Snapshot(
            at=session.at,
            price=path.price_at(session.elapsed),
            day=as_it_stands or session.day,
            previous_close=session.previous_close,
        )
        fixed = None if at else self._fixed_price(contract.symbol)
        return fixed.apply_to(snapshot) if fixed else snapshot

    def price(self, contract: Contract) -> int | None:
        """Return the price of `snapshot`, at less cost."""
        if fixed := self._fixed_price(contract.symbol):
            return fixed.price
        session = self._session(contract.symbol)
        return self._path(contract.symbol, session.day).price_at(session.elapsed) if session else None

    def fix_price(self, symbol: str, price: int) -> None:
        """Let the symbol have this price until the next one or the end of the day; candles are not affected."""
        now, earlier = self._now(), self._fixed_price(symbol)
        prices = (price, earlier.high, earlier.low) if earlier else (price,)
        self._fixed[symbol] = FixedPrice(now, price, max(prices), min(prices))

    def release_prices(self) -> None:
        """Let all prices move again by themselves."""
        self._fixed.clear()

    def status(self) -> MarketStatus:
        now = self._now()
        if self._replays and not self._hours.is_open(now):
            return MarketStatus.OPENED
        return self.scripted_day.status_at(now) or self._hours.status_at(now)

    def replayed_session(self) -> date | None:
        """Return the day whose session is repeated now; None while the market is open, and without a replay."""
        now = self._now()
        return self._hours.last_session(now) if self._replays and not self._hours.is_open(now) else None

    def prices_between(self, contract: Contract, after: datetime, until: datetime) -> list[tuple[datetime, int]]:
        """Return the prices of a scripted symbol in the interval, in order of time; none for other symbols."""
        path = self._scripted.path(contract.symbol, until.date())
        if path is None or self._fixed_price(contract.symbol):
            return []
        opened = opening(until.date())
        since, now = ((at - opened).total_seconds() for at in (after, until))
        ticks = [(opened + timedelta(seconds=at), price) for at, price in path.ticks(since, now)]
        recheck_times = self.scripted_day.recheck_times(contract.symbol, after, until)
        rechecks = [(at, path.price_at((at - opened).total_seconds())) for at in recheck_times]
        return sorted([*ticks, *rechecks])

    def _days(self, symbol: str, first: date, last: date) -> list[Candle]:
        """Return complete days, and today so far."""
        now = self.scripted_day.last_open(self._now())
        days = self._trading_days(symbol, first, min(last, now.date()))
        if not days or days[-1].day != now.date():
            return days
        today = self._path(symbol, days[-1]).so_far(_elapsed(now, now.date()))
        return [*days[:-1], today] if today else days[:-1]

    def _intraday(self, symbol: str, length: int, first: date, last: date) -> list[Candle]:
        now = self.scripted_day.last_open(self._now())
        days = self._trading_days(symbol, first, min(last, now.date()))
        candles = []
        for day in days:
            minutes = self._path(symbol, day).minutes(_elapsed(now, day.day))
            candles += by_minutes(minutes, length)
        return candles

    def _trading_days(self, symbol: str, first: date, last: date) -> list[Candle]:
        return [day for day in self._source(symbol).days(symbol, first, last) if not self._hours.is_holiday(day.day)]

    def _session(self, symbol: str, at: datetime | None = None) -> Session | None:
        now = at or self._now()
        moment = self.scripted_day.last_open(now)
        recent = self._source(symbol).latest(symbol, self._hours.last_day(moment), 2)
        if not recent:
            return None
        day, previous_close = recent[-1], recent[0].close if len(recent) == 2 else recent[0].open
        if at is None and self._replays:
            hours = self._hours
            elapsed = hours.elapsed_in_session(now) if hours.is_open(now) else hours.elapsed_in_replay(now)
            return Session(day, previous_close, elapsed, now, is_today=True)
        elapsed = self._hours.elapsed_in_session(moment)
        dealt_at = day.start + timedelta(seconds=elapsed)
        return Session(day, previous_close, elapsed, dealt_at, is_today=day.day == moment.date())

    def _fixed_price(self, symbol: str) -> FixedPrice | None:
        fixed = self._fixed.get(symbol) if self._fixed else None
        return fixed if fixed and fixed.at.date() == self._now().date() else None

    def _path(self, symbol: str, day: Candle) -> DayPath | ScriptedPath:
        return self._scripted.path(symbol, day.day) or day_path(f"{self._seed}|{symbol}", day)

    def _source(self, symbol: str) -> Prices:
        return self._scripted if self._scripted.has(symbol) else self._unscripted(symbol)

    def _unscripted(self, symbol: str) -> Prices:
        return self._replayed if self._replayed.has(symbol) else self._generated


def _elapsed(now: datetime, day: date) -> float:
    """Return the seconds since that day's opening."""
    return (now - opening(day)).total_seconds()
