"""The way of a price through one day, inside that day's open, high, low and close."""

from array import array
from bisect import bisect_right
from datetime import timedelta
from functools import lru_cache
from hashlib import shake_256
from math import pi, sin

from broker.simulator.candles import SESSION_MINUTES, SESSION_SECONDS, Candle, merged, on_tick

WANDERING = 0.12
WICK = 0.03
_HALF = SESSION_MINUTES // 2
_WIDEST = 0xFFFF


class DayPath:
    """Deterministic for (key, day); the high and the low are touched at minutes that the key decides."""

    def __init__(self, key: str, day: Candle) -> None:
        self._day = day
        self._noise = _noise(f"{key}|{day.start.isoformat()}", SESSION_MINUTES + 2)
        self._points = self._line()

    def price_at(self, elapsed: float) -> int:
        """The price so many seconds after the opening."""
        if elapsed >= SESSION_SECONDS:
            return self._day.close
        minute, second = divmod(max(elapsed, 0.0), 60)
        start, end = self._points[int(minute)], self._points[int(minute) + 1]
        return self._inside(start + (end - start) * second / 60)

    def minutes(self, elapsed: float = SESSION_SECONDS) -> list[Candle]:
        """One-minute candles up to so many seconds after the opening; the last may be under way."""
        if elapsed < 0:
            return []
        whole, rest = divmod(min(elapsed, SESSION_SECONDS), 60)
        candles = [self._minute(number) for number in range(int(whole))]
        if whole < SESSION_MINUTES and (rest or not candles):
            candles.append(self._minute_under_way(int(whole), elapsed))
        return candles

    def so_far(self, elapsed: float) -> Candle | None:
        """The day's candle as it stands; None before the opening."""
        if elapsed >= SESSION_SECONDS:
            return self._day
        candles = self.minutes(elapsed)
        return merged(candles, self._day.start) if candles else None

    def _minute(self, number: int) -> Candle:
        start, end = self._points[number], self._points[number + 1]
        wick = WICK * (self._day.high - self._day.low) * self._noise[number]
        return Candle(
            start=self._day.start + timedelta(minutes=number),
            open=start,
            high=self._inside(max(start, end) + wick),
            low=self._inside(min(start, end) - wick),
            close=end,
            volume=self._traded((number + 1) * 60) - self._traded(number * 60),
        )

    def _minute_under_way(self, number: int, elapsed: float) -> Candle:
        start, now = self._points[number], self.price_at(elapsed)
        volume = self._traded(elapsed) - self._traded(number * 60)
        at = self._day.start + timedelta(minutes=number)
        return Candle(at, start, max(start, now), min(start, now), now, volume)

    def _traded(self, elapsed: float) -> int:
        """Shares traded since the opening."""
        return int(self._day.volume * share_traded(elapsed / SESSION_SECONDS) + 1e-6)

    def _line(self) -> list[int]:
        anchors = self._anchors()
        at = [minute for minute, _ in anchors]
        points = []
        for minute in range(SESSION_MINUTES):
            leg = bisect_right(at, minute) - 1
            points.append(self._between(anchors[leg], anchors[leg + 1], minute))
        return [*points, self._day.close]

    def _between(self, left: tuple[int, int], right: tuple[int, int], minute: int) -> int:
        if minute == left[0]:
            return left[1]
        straight = left[1] + (right[1] - left[1]) * (minute - left[0]) / (right[0] - left[0])
        return self._inside(straight + WANDERING * (self._day.high - self._day.low) * (self._noise[minute] - 0.5))

    def _anchors(self) -> list[tuple[int, int]]:
        early = 1 + int(self._noise[-1] * (_HALF - 2))
        late = _HALF + int(self._noise[-2] * (_HALF - 2))
        extremes = (self._day.high, self._day.low)
        first, second = extremes if self._noise[0] < 0.5 else reversed(extremes)
        return [(0, self._day.open), (early, first), (late, second), (SESSION_MINUTES, self._day.close)]

    def _inside(self, paise: float) -> int:
        return min(self._day.high, max(self._day.low, on_tick(paise)))


def share_traded(share: float) -> float:
    """Of a day's volume after that share of the session: many early and late, few at noon."""
    return share + 0.7 * sin(2 * pi * share) / (2 * pi)


@lru_cache(maxsize=512)
def day_path(key: str, day: Candle) -> DayPath:
    return DayPath(key, day)


def _noise(key: str, count: int) -> list[float]:
    """Numbers from 0 up to 1, the same for the same key on every machine."""
    numbers = array("H", shake_256(key.encode()).digest(2 * count))
    return [number / (_WIDEST + 1) for number in numbers]
