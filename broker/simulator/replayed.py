"""Daily candles read from CSV files, each once, when first asked for."""

import csv
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path

from broker.simulator.candles import Candle, opening
from broker.simulator.options import SimulatorError


class ReplayedPrices:
    """A folder of SYMBOL.csv files with the columns date, open, high, low, close and volume."""

    def __init__(self, folder: Path | None) -> None:
        # Symbols are looked up in this listing, so that none can name a path outside the folder.
        self._files = {path.stem: path for path in folder.glob("*.csv")} if folder else {}
        if folder and not self._files:
            raise SimulatorError(f"The folder {folder} holds no SYMBOL.csv to take candles from.")
        self._read = lru_cache(maxsize=None)(read_candles)

    def has(self, symbol: str) -> bool:
        return symbol in self._files

    def days(self, symbol: str, first: date, last: date) -> list[Candle]:
        candles = self._read(self._files[symbol])
        return candles[_place(candles, first) : _place(candles, last, after=True)]

    def latest(self, symbol: str, until: date, count: int) -> list[Candle]:
        candles = self._read(self._files[symbol])
        end = _place(candles, until, after=True)
        return candles[max(end - count, 0) : end]


def read_candles(path: Path) -> list[Candle]:
    """The file's days in order; of a day told twice, the later row holds."""
    with path.open(newline="", encoding="utf-8-sig") as lines:
        try:
            rows = [_candle(row) for row in _rows(lines)]
        except (KeyError, ValueError, InvalidOperation) as error:
            raise SimulatorError(f"{path} is not a file of daily candles: {error!r}.") from error
    by_day = {candle.day: candle for candle in rows}
    return [by_day[day] for day in sorted(by_day)]


def _rows(lines: Iterable[str]) -> Iterable[dict[str, str]]:
    """The rows by column, whatever the case of the header."""
    table = csv.reader(lines)
    header = [title.strip().lower() for title in next(table, [])]
    return (dict(zip(header, row, strict=True)) for row in table if row)


def _candle(row: dict[str, str]) -> Candle:
    return Candle(
        start=opening(date.fromisoformat(row["date"])),
        open=_paise(row["open"]),
        high=_paise(row["high"]),
        low=_paise(row["low"]),
        close=_paise(row["close"]),
        volume=int(_number(row["volume"])),
    )


def _paise(text: str) -> int:
    return int(_number(text) * 100)


def _number(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def _place(candles: list[Candle], day: date, *, after: bool = False) -> int:
    place = bisect_right if after else bisect_left
    return place(candles, day, key=lambda candle: candle.day)
