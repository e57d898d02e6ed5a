"""Intraday prices of one day, consistent with that day's open, high, low and close."""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property, lru_cache
from hashlib import shake_256
from itertools import accumulate
from math import pi, sin

from broker.simulator.prices.candles import SESSION_MINUTES, SESSION_SECONDS, Candle, on_tick

NOISE_SHARE = 0.12
WICK = 0.03
_HALF = SESSION_MINUTES // 2
_MAX_NOISE = 0xFFFF


class DayPath:
    """A deterministic price path for (key, day); the key decides the minutes of the high and the low."""

    def __init__(self, key: str, day: Candle) -> None:
        self._day = day
        self._noise = _noise(f"{key}|{day.start.isoformat()}", SESSION_MINUTES + 2)
        self._points = self._build_points()

    def price_at(self, elapsed: float) -> int:
        """Return the price at this many seconds after the opening."""
        if elapsed >= SESSION_SECONDS:
            return self._day.close
        minute, second = divmod(max(elapsed, 0.0), 60)
        start, end = self._points[int(minute)], self._points[int(minute) + 1]
        return self._clamp(start + (end - start) * second / 60)

    def minutes(self, elapsed: float = SESSION_SECONDS) -> list[Candle]:
        """Return one-minute candles up to this many seconds after the opening; the last may be incomplete."""
        if elapsed < 0:
            return []
        whole, rest = divmod(min(elapsed, SESSION_SECONDS), 60)
        candles = [self._minute(number) for number in range(int(whole))]
        if whole < SESSION_MINUTES and (rest or not candles):
            candles.append(self._minute_under_way(int(whole), elapsed))
        return candles

    def so_far(self, elapsed: float) -> Candle | None:
        """Return the day's candle so far; None before the opening."""
        if elapsed >= SESSION_SECONDS:
            return self._day
        if elapsed < 0:
            return None
        highs, lows = self._extremes
        passed, price = int(elapsed // 60), self.price_at(elapsed)
        return Candle(
            start=self._day.start,
            open=self._points[0],
            high=max(highs[passed], price),
            low=min(lows[passed], price),
            close=price,
            volume=self._traded(elapsed),
        )

    @cached_property
    def _extremes(self) -> tuple[Sequence[int], Sequence[int]]:
        """The highest and lowest prices up to each minute's start, so that a quote does not go through the day."""
        minutes = [self._minute(number) for number in range(SESSION_MINUTES)]
        highs = accumulate((minute.high for minute in minutes), max, initial=self._points[0])
        lows = accumulate((minute.low for minute in minutes), min, initial=self._points[0])
        return array("q", highs), array("q", lows)

    def _minute(self, number: int) -> Candle:
        start, end = self._points[number], self._points[number + 1]
        wick = WICK * (self._day.high - self._day.low) * self._noise[number]
        return Candle(
            start=self._day.start + timedelta(minutes=number),
            open=start,
            high=self._clamp(max(start, end) + wick),
            low=self._clamp(min(start, end) - wick),
            close=end,
            volume=self._traded((number + 1) * 60) - self._traded(number * 60),
        )

    def _minute_under_way(self, number: int, elapsed: float) -> Candle:
        start, now = self._points[number], self.price_at(elapsed)
        volume = self._traded(elapsed) - self._traded(number * 60)
        at = self._day.start + timedelta(minutes=number)
        return Candle(at, start, max(start, now), min(start, now), now, volume)

    def _traded(self, elapsed: float) -> int:
        """Return the shares traded since the opening."""
        return int(self._day.volume * volume_share(elapsed / SESSION_SECONDS) + 1e-6)

    def _build_points(self) -> list[int]:
        anchors = self._anchors()
        at = [minute for minute, _ in anchors]
        points = []
        for minute in range(SESSION_MINUTES):
            segment = bisect_right(at, minute) - 1
            points.append(self._interpolate(anchors[segment], anchors[segment + 1], minute))
        return [*points, self._day.close]

    def _interpolate(self, left: tuple[int, int], right: tuple[int, int], minute: int) -> int:
        if minute == left[0]:
            return left[1]
        straight = left[1] + (right[1] - left[1]) * (minute - left[0]) / (right[0] - left[0])
        return self._clamp(straight + NOISE_SHARE * (self._day.high - self._day.low) * (self._noise[minute] - 0.5))

    def _anchors(self) -> list[tuple[int, int]]:
        early = 1 + int(self._noise[-1] * (_HALF - 2))
        late = _HALF + int(self._noise[-2] * (_HALF - 2))
        extremes = (self._day.high, self._day.low)
        first, second = extremes if self._noise[0] < 0.5 else reversed(extremes)
        return [(0, self._day.open), (early, first), (late, second), (SESSION_MINUTES, self._day.close)]

    def _clamp(self, paise: float) -> int:
        return min(self._day.high, max(self._day.low, on_tick(paise)))


def volume_share(share: float) -> float:
    """Return the share of a day's volume after that share of the session: high early and late, low at noon."""
    return share + 0.7 * sin(2 * pi * share) / (2 * pi)


@lru_cache(maxsize=4096)
def day_path(key: str, day: Candle) -> DayPath:
    return DayPath(key, day)


def _noise(key: str, count: int) -> list[float]:
    """Return numbers from 0 up to 1 that depend only on the key, on every machine."""
    numbers = array("H", shake_256(key.encode()).digest(2 * count))
    return [number / (_MAX_NOISE + 1) for number in numbers]
