"""Reads daily candles from CSV files, each once, on first use."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path

from broker.csv_rows import table
from broker.simulator.options import SimulatorError
from broker.simulator.prices.candles import Candle, opening


class ReplayedPrices:
    """A folder of SYMBOL.csv files with the columns date, open, high, low, close and volume."""

    def __init__(self, folder: Path | None) -> None:
        # Symbols are looked up in this listing, so that they cannot name paths outside the folder.
        self._files = {path.stem: path for path in folder.glob("*.csv")} if folder else {}
        if folder and not self._files:
            raise SimulatorError(f"The folder {folder} has no SYMBOL.csv to read candles from.")
        self._read = lru_cache(maxsize=None)(read_candles)

    def has(self, symbol: str) -> bool:
        return symbol in self._files

    def days(self, symbol: str, first: date, last: date) -> list[Candle]:
        candles = self._read(self._files[symbol])
        return candles[_position(candles, first) : _position(candles, last, after=True)]

    def latest(self, symbol: str, until: date, count: int) -> list[Candle]:
        candles = self._read(self._files[symbol])
        end = _position(candles, until, after=True)
        return candles[max(end - count, 0) : end]


def read_candles(path: Path) -> list[Candle]:
    """Return the file's days in order; if a day appears twice, the later row counts."""
    with path.open(newline="", encoding="utf-8-sig") as lines:
        try:
            rows = [_candle(row) for row in _rows(lines)]
        except (KeyError, ValueError, InvalidOperation) as error:
            raise SimulatorError(f"{path} is not a file of daily candles: {error!r}.") from error
    by_day = {candle.day: candle for candle in rows}
    return [by_day[day] for day in sorted(by_day)]


def _rows(lines: Iterable[str]) -> Iterable[dict[str, str]]:
    """Return the rows by column name, whatever the case of the header."""
    rows = table(lines)
    header = [title.strip().lower() for title in next(rows, [])]
    return (dict(zip(header, row, strict=True)) for row in rows)


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


def _position(candles: list[Candle], day: date, *, after: bool = False) -> int:
    place = bisect_right if after else bisect_left
    return place(candles, day, key=lambda candle: candle.day)
