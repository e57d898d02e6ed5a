"""Generates daily candles from a seed: each day independently, without a walk from some first day."""

from datetime import date, timedelta
from functools import lru_cache
from hashlib import blake2b
from math import exp, floor, log

from broker.simulator.prices.candles import Candle, on_tick, opening
from broker.simulator.prices.instruments import INDEX_LEVELS, SHARE_LEVELS

# Waves of (trading days, height): a price moves by a third around its level, and by about 1 % from day to day.
WAVES = ((512, 0.20), (128, 0.10), (32, 0.045), (8, 0.02), (2, 0.009))
GAP = 0.004
WICK = 0.011
LOWEST_PRICE, HIGHEST_PRICE = 20.0, 3000.0
MAX_TURNOVER = 2.5e11
_CLOSE_CACHE_SIZE = 200_000
_CANDLE_CACHE_SIZE = 10_000  # today's and yesterday's of thousands of symbols


class GeneratedPrices:
    """Has candles on weekdays only; deterministic for (seed, symbol, date)."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._close = lru_cache(maxsize=_CLOSE_CACHE_SIZE)(self._computed_close)
        self._candle = lru_cache(maxsize=_CANDLE_CACHE_SIZE)(self._computed_candle)

    def days(self, symbol: str, first: date, last: date) -> list[Candle]:
        numbers = range(first_number(first), last_number(last) + 1)
        return [self._candle(symbol, number) for number in numbers]

    def latest(self, symbol: str, until: date, count: int) -> list[Candle]:
        last = last_number(until)
        return [self._candle(symbol, number) for number in range(last - count + 1, last + 1)]

    def _computed_candle(self, symbol: str, number: int) -> Candle:
        gap, up, down, busy = self._draws(symbol, "day", number)
        start = on_tick(self._close(symbol, number - 1) * (1 + GAP * (2 * gap - 1)))
        end = self._close(symbol, number)
        return Candle(
            start=opening(numbered_day(number)),
            open=start,
            high=on_tick(max(start, end) * (1 + WICK * up)),
            low=on_tick(min(start, end) * (1 - WICK * down)),
            close=end,
            volume=self._volume(symbol, busy),
        )

    def _computed_close(self, symbol: str, number: int) -> int:
        drift = sum(height * self._wave(symbol, length, number / length) for length, height in WAVES)
        return on_tick(self._level(symbol) * exp(drift))

    def _wave(self, symbol: str, length: int, at: float) -> float:
        """Compute smooth noise between -1 and 1: random heights at whole numbers, eased from one to the next."""
        left = floor(at)
        fraction = at - left
        ease = fraction * fraction * (3 - 2 * fraction)
        start = self._draws(symbol, str(length), left)[0]
        end = self._draws(symbol, str(length), left + 1)[0]
        return 2 * (start + (end - start) * ease) - 1

    def _level(self, symbol: str) -> float:
        known = SHARE_LEVELS.get(symbol) or INDEX_LEVELS.get(symbol)
        if known is not None:
            return known * 100
        share = self._draws(symbol, "level", 0)[0]
        return 100 * exp(log(LOWEST_PRICE) + share * (log(HIGHEST_PRICE) - log(LOWEST_PRICE)))

    def _volume(self, symbol: str, busy: float) -> int:
        if symbol in INDEX_LEVELS:
            return 0
        popularity = self._draws(symbol, "volume", 0)[0]
        return int(MAX_TURNOVER / self._level(symbol) * (0.02 + popularity) * (0.4 + busy))

    def _draws(self, symbol: str, purpose: str, number: int) -> tuple[float, float, float, float]:
        """Return four pseudo-random numbers from 0 up to 1."""
        digest = blake2b(f"{self._seed}|{symbol}|{purpose}|{number}".encode(), digest_size=16).digest()
        first, second, third, fourth = (int.from_bytes(digest[at : at + 4]) / 2**32 for at in (0, 4, 8, 12))
        return first, second, third, fourth


def last_number(day: date) -> int:
    """Return the number of the last weekday up to this day; weekdays are counted from the year 1."""
    weeks, weekday = divmod(day.toordinal() - 1, 7)
    return weeks * 5 + min(weekday, 4)


def first_number(day: date) -> int:
    """Return the number of the first weekday from this day on."""
    weeks, weekday = divmod(day.toordinal() - 1, 7)
    return weeks * 5 + min(weekday, 5)


def numbered_day(number: int) -> date:
    weeks, weekday = divmod(number, 5)
    return date.min + timedelta(weeks=weeks, days=weekday)
