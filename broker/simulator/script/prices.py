"""Prices of the scripted day, for the symbols that have steps in the script."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import pairwise

from broker.simulator.prices.candles import (
    SESSION_MINUTES,
    SESSION_SECONDS,
    TICK,
    Candle,
    Prices,
    merge,
    on_tick,
    opening,
)
from broker.simulator.prices.intraday import volume_share
from broker.simulator.prices.trading_hours import MarketStatus
from broker.simulator.script.hours import Hours
from broker.simulator.script.script import Script, Step

Point = tuple[float, int]


class ScriptedPath:
    """A price path through points of (seconds after the opening, paise); two points at the same time are a jump."""

    def __init__(self, day: date, points: list[Point], hours: Hours, volume: int) -> None:
        self._start = opening(day)
        self._points = points
        self._times = [at for at, _ in points]
        self._hours = hours
        self._volume = volume

    def price_at(self, elapsed: float) -> int:
        at = min(max(elapsed, 0), self._hours.end)
        return self._price_after(bisect_right(self._times, at) - 1, at)

    def price_before(self, elapsed: float) -> int:
        """Return the last price before a jump at that time."""
        return self._price_after(max(bisect_left(self._times, elapsed) - 1, 0), elapsed)

    def minutes(self, elapsed: float = SESSION_SECONDS) -> list[Candle]:
        """Return one-minute candles as DayPath does; while the market is closed they are flat and have no volume."""
        if elapsed < 0:
            return []
        if elapsed >= self._hours.end:
            return self._whole
        passed = int(elapsed // 60)
        return [*self._whole[:passed], self._minute(60 * passed, elapsed)]

    def so_far(self, elapsed: float) -> Candle | None:
        candles = self.minutes(elapsed)
        return merge(candles, self._start) if candles else None

    def day(self) -> Candle:
        return merge(self.minutes(), self._start)

    def ticks(self, after: float, until: float) -> Iterator[Point]:
        """Yield every price on the path with the time at which it is reached, from `after` (exclusive) to `until`."""
        for left, right in pairwise(self._points):
            yield from ((at, price) for at, price in _ticks(left, right, after, until) if after < at <= until)

    @cached_property
    def _whole(self) -> list[Candle]:
        starts = range(0, SESSION_MINUTES * 60, 60)
        return [self._minute(start, self._hours.end) for start in starts if start < self._hours.end]

    def _minute(self, start: float, until: float) -> Candle:
        end = min(start + 60, until)
        under_way = end == until < self._hours.end
        inside = self._points[bisect_right(self._times, start) : bisect_left(self._times, end)]
        last = self.price_at(end) if under_way else self.price_before(end)
        first = self.price_at(start)
        prices = [first, *(price for _, price in inside), self.price_before(end) if end > start else first, last]
        return Candle(
            start=self._start + timedelta(seconds=start),
            open=first,
            high=max(prices),
            low=min(prices),
            close=last,
            volume=self._traded(end) - self._traded(start),
        )

    def _traded(self, elapsed: float) -> int:
        return int(self._volume * volume_share(self._hours.traded(elapsed) / SESSION_SECONDS) + 1e-6)

    def _price_after(self, number: int, at: float) -> int:
        start, price = self._points[number]
        if number + 1 == len(self._points):
            return price
        end, target = self._points[number + 1]
        return on_tick(price + (target - price) * (at - start) / (end - start)) if end > start else price


def _ticks(left: Point, right: Point, after: float, until: float) -> Iterator[Point]:
    """Yield the ticks between two points, with possibly one too many at either end."""
    (start, price), (end, target) = left, right
    if end <= after or start > until:
        return
    if start == end:
        yield right
        return
    count = abs(target - price) // TICK
    first, last = (count * (at - start) / (end - start) for at in (after, until))
    step = TICK if target > price else -TICK
    for number in range(max(1, int(first)), min(count, int(last) + 1) + 1):
        yield start + (end - start) * number / count, price + number * step


class ScriptedPrices:
    """`fallback` returns the source of a symbol's other days."""

    def __init__(self, script: Script, day: date, fallback: Callable[[str], Prices]) -> None:
        self._script = script
        self._day = day
        self._fallback = fallback
        self._moves: dict[str, list[Step]] = {}
        for number, step in script.of_kind("price", "change"):
            symbol = str(step.symbol)
            if not fallback(symbol).latest(symbol, self._eve, 1):
                raise script.step_error(number, f"there is no price of {symbol} before {day}")
            self._moves.setdefault(symbol, []).append(step)
        self._path = lru_cache(maxsize=None)(self._computed_path)

    def has(self, symbol: str) -> bool:
        return symbol in self._moves

    def days(self, symbol: str, first: date, last: date) -> list[Candle]:
        candles = self._fallback(symbol).days(symbol, first, last)
        return self._with_scripted(symbol, candles) if first <= self._day <= last else candles

    def latest(self, symbol: str, until: date, count: int) -> list[Candle]:
        candles = self._fallback(symbol).latest(symbol, until, count)
        return self._with_scripted(symbol, candles)[-count:] if until >= self._day else candles

    def path(self, symbol: str, day: date) -> ScriptedPath | None:
        """Return None on any other day, and for symbols without steps."""
        return self._path(symbol) if day == self._day and self.has(symbol) else None

    @property
    def _eve(self) -> date:
        return self._day - timedelta(days=1)

    def _with_scripted(self, symbol: str, candles: list[Candle]) -> list[Candle]:
        by_day = {candle.day: candle for candle in candles} | {self._day: self._path(symbol).day()}
        return [by_day[day] for day in sorted(by_day)]

    def _computed_path(self, symbol: str) -> ScriptedPath:
        source = self._fallback(symbol)
        close = source.latest(symbol, self._eve, 1)[-1].close
        volume = source.latest(symbol, self._day, 1)[-1].volume
        points: list[Point] = [(0, on_tick(close))]
        for step in self._moves[symbol]:
            target = step.price * 100 if step.price is not None else close * (1 + (step.change or 0) / 100)
            points += [(step.start, points[-1][1]), (step.end, on_tick(target))]
        hours = self._script.hours
        return ScriptedPath(self._day, [*points, (hours.end, points[-1][1])], hours, volume)


class ScriptedDay:
    """The script's effect on the market as a whole; on any other day there is none."""

    def __init__(self, script: Script, day: date) -> None:
        self._script = script
        self._opens = opening(day)

    def last_open(self, at: datetime) -> datetime:
        """Return the last time of trading up to `at`; `at` itself before the opening and on any other day."""
        return self._moment(self._script.hours.last_open(self._elapsed(at))) if self._is_scripted(at) else at

    def takes_orders(self, at: datetime) -> bool:
        """Whether orders are filled; without a script they are at any hour, so that they can be tried."""
        return not self._is_scripted(at) or self._script.hours.span(self._elapsed(at)) is not None

    def status_at(self, at: datetime) -> MarketStatus | None:
        """Return None while the script leaves the status to the time of day."""
        elapsed, hours = self._elapsed(at), self._script.hours
        if not self._is_scripted(at) or elapsed < 0:
            return None
        if elapsed >= hours.end:
            return MarketStatus.CLOSED
        return MarketStatus.OPENED if hours.span(elapsed) else MarketStatus.HALTED

    def orders_ended_at(self, at: datetime) -> datetime | None:
        """Return when the day's orders ended; None if they have not."""
        over = self._is_scripted(at) and self._elapsed(at) >= self._script.hours.end
        return self._moment(self._script.hours.end) if over else None

    def fill_percent(self, symbol: str, at: datetime) -> int | None:
        """Return the share of an order that is filled now; None means all."""
        elapsed = self._elapsed(at)
        partial = (step for step in self._fill_steps(symbol) if step.start <= elapsed < step.end)
        return next((step.fill for step in partial), None)

    def recheck_times(self, symbol: str, after: datetime, until: datetime) -> list[datetime]:
        """Return when open orders are matched again although the price has not moved."""
        times = [start for start, _ in self._script.hours.spans] + [step.end for step in self._fill_steps(symbol)]
        moments = (self._moment(time) for time in times)
        return [moment for moment in moments if self._script.steps and after < moment <= until]

    def _fill_steps(self, symbol: str) -> list[Step]:
        return [step for _, step in self._script.of_kind("fill") if step.symbol == symbol]

    def _is_scripted(self, at: datetime) -> bool:
        return bool(self._script.steps) and at.date() == self._opens.date()

    def _elapsed(self, at: datetime) -> float:
        return (at - self._opens).total_seconds()

    def _moment(self, elapsed: float) -> datetime:
        return self._opens + timedelta(seconds=elapsed)
