"""Market data: the real files beside the project where they are, else a sample of the same files.

The sample has the names, columns and quirks of the real files (thousands separators, symbols with `&` and `-`, shares
of several series, shares with candles and without a contract) and made-up prices.
"""

import csv
import json
import random
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from testservers.project import ROOT

SHARED_DATA = ROOT.parent / "shared" / "data"
FIRST_DAY, LAST_DAY = date(2021, 1, 1), date(2021, 12, 31)
HOLIDAYS = {  # of NSE in that year, by month and day
    *((1, 26), (3, 11), (3, 29), (4, 2), (4, 14), (4, 21), (5, 13)),
    *((7, 21), (8, 19), (9, 10), (10, 15), (11, 5), (11, 19)),
}
IDS = {"RELIANCE": 2885, "INFY": 1594, "SBIN": 3045, "M&M": 2031, "BAJAJ-AUTO": 16669, "IDEA": 14366, "TITAN": 3506}
# With those of IDS but IDEA they have candles; so has the simulated account its shares.
LISTED = ("TCS", "HDFCBANK", "ITC", "LT", "ADANIENT", "M&MFIN", *(f"SHARE{number}" for number in range(500)))
OF_OTHER_SERIES = ("RELINFRA-BE", "M&MFIN-N3", "IMC1-N1", "IMC1-N2", "AAFS27B-GS", "AAFS27B-SG")
LISTED_NO_MORE = ("HDFC", "TATAMOTORS")
CANDLE_COLUMNS = (
    *("date", "series", "open", "high", "low", "prev_close", "ltp", "close", "vwap"),
    *("52wh", "52wl", "volume", "value", "no_of_trades"),
)
CONTRACT_COLUMNS = {  # of the CSV, with the JSON's names
    "Exchange": "exchange",
    "Underlying Instrument Symbol": "underlyingInstrumentSymbol",
    "Instrument ID": "instrumentId",
    "Instrument Type": "instrumentType",
    "Option Type": "optionType",
    "Strike Price": "strikePrice",
    "Underlying Instrument Name": "underlyingInstrumentName",
    "Trading Symbol": "tradingSymbol",
    "Expiry": "expiry",
    "Lot Size": "lotSize",
    "Tick Size": "tickSize",
}


def write_sample(folder: Path) -> Path:
    """Fifty series of daily candles, NSE's contract file in both forms, and two index lists."""
    with_candles = [symbol for symbol in (*IDS, *LISTED) if symbol != "IDEA"][:48]
    for symbol in (*with_candles, *LISTED_NO_MORE):
        _write_candles(folder / "candles_daily" / f"{symbol}.csv", symbol)
    _write_contracts(folder / "contracts", [*(f"{symbol}-EQ" for symbol in (*IDS, *LISTED)), *OF_OTHER_SERIES])
    for count in (50, 500):
        _write_index(folder / "indices" / f"ind_nifty{count}list.2025-12.csv", (*IDS, *LISTED)[:count])
    return folder


def _write_candles(file: Path, symbol: str) -> None:
    _write(file, CANDLE_COLUMNS, _candles(random.Random(symbol)))


def _candles(chance: random.Random) -> Iterator[tuple[object, ...]]:
    """A walk in ticks of 5 paise."""
    previous, day = chance.randrange(2_000, 60_000), FIRST_DAY
    while day <= LAST_DAY:
        if day.weekday() < 5 and (day.month, day.day) not in HOLIDAYS:
            opened, close = (previous + chance.randint(-previous // 50, previous // 50) for _ in range(2))
            spread = previous // 100
            high, low = (
                max(opened, close) + chance.randint(0, spread),
                min(opened, close) - chance.randint(0, spread),
            )
            prices = [_rupees(ticks) for ticks in (opened, high, low, previous, close, close, (high + low) // 2)]
            volume = chance.randrange(100_000, 20_000_000)
            yield (
                day,
                "EQ",
                *prices,
                _rupees(2 * high),
                _rupees(low // 2),
                f"{volume:,}",
                f"{volume * close:,}",
                "1,000",
            )
            previous = close
        day += timedelta(days=1)


def _rupees(ticks: int) -> str:
    return f"{ticks / 20:,.2f}"


def _write_contracts(folder: Path, trading_symbols: Iterable[str]) -> None:
    rows = [_contract(number, name) for number, name in enumerate(trading_symbols, 50_001)]
    _write(
        folder / "NSEEQ.csv",
        CONTRACT_COLUMNS,
        ([row[key] for key in CONTRACT_COLUMNS.values()] for row in rows),
        "\r\n",
    )
    (folder / "NSEEQ.json").write_text(json.dumps(rows))


def _contract(number: int, trading_symbol: str) -> dict[str, str]:
    symbol = trading_symbol.rpartition("-")[0]
    is_share = trading_symbol.endswith("-EQ")
    return {
        "exchange": "NSEEQ",
        "underlyingInstrumentSymbol": symbol,
        "instrumentId": str(IDS.get(symbol, number) if is_share else number),
        "instrumentType": "EQUITY",
        "optionType": "XX",
        "strikePrice": "0",
        "underlyingInstrumentName": f"{symbol} LIMITED" if is_share else "",
        "tradingSymbol": trading_symbol,
        "expiry": "",
        "lotSize": "1",
        "tickSize": "0.05",
        "formattedInstrumentName": f"{symbol} LIMITED" if is_share else symbol,
    }


def _write_index(file: Path, symbols: Iterable[str]) -> None:
    rows = ((f"{symbol} Ltd.", "Various", symbol, "EQ", f"INE{n:07}01") for n, symbol in enumerate(symbols))
    _write(file, ("Company Name", "Industry", "Symbol", "Series", "ISIN Code"), rows)


def _write(file: Path, header: Iterable[str], rows: Iterable[Iterable[object]], end: str = "\n") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as lines:
        writer = csv.writer(lines, lineterminator=end)
        writer.writerow(header)
        writer.writerows(rows)


def rows_of(path: Path) -> list[tuple[Any, ...]]:
    def number(text: str) -> Decimal:
        return Decimal(text.replace(",", ""))

    with path.open(newline="") as lines:
        return [
            (row["date"], *(number(row[name]) for name in ("open", "high", "low", "close")), int(number(row["volume"])))
            for row in csv.DictReader(lines)
        ]
