"""Contract files, and the look-up of instruments in them."""

import csv
import io
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import msgspec

from broker.simulator.options import SimulatorError
from broker.simulator.prices.instruments import INDICES, SHARES, nse_number

SEGMENTS = ("NSEEQ", "NSEFO", "NSECOMM", "MCXCOMM", "INDICES", "NSECURR", "BSEEQ", "BSEFO", "BSECURR")


class Contract(msgspec.Struct, frozen=True, rename="camel"):
    """One row of a contract file; every value is a string on the wire."""

    exchange: str
    underlying_instrument_symbol: str
    instrument_id: str
    instrument_type: str = "EQUITY"
    option_type: str = "XX"
    strike_price: str = "0"
    underlying_instrument_name: str = ""
    trading_symbol: str = ""
    expiry: str = ""
    lot_size: str = "1"
    tick_size: str = "0.05"
    formatted_instrument_name: str = ""

    @property
    def symbol(self) -> str:
        """The name under which its prices are known: without NSE's "-SERIES", and the same on both exchanges."""
        if self.exchange == "NSEEQ" and "-" in self.trading_symbol:
            return self.trading_symbol.rpartition("-")[0]
        return self.trading_symbol or self.underlying_instrument_symbol

    @property
    def is_index(self) -> bool:
        return self.instrument_type == "INDEX"


# Titles and fields of the CSV files, with the columns in the broker's order.
CSV_COLUMNS = (
    ("Exchange", "exchange"),
    ("Underlying Instrument Symbol", "underlying_instrument_symbol"),
    ("Instrument ID", "instrument_id"),
    ("Instrument Type", "instrument_type"),
    ("Option Type", "option_type"),
    ("Strike Price", "strike_price"),
    ("Underlying Instrument Name", "underlying_instrument_name"),
    ("Trading Symbol", "trading_symbol"),
    ("Expiry", "expiry"),
    ("Lot Size", "lot_size"),
    ("Tick Size", "tick_size"),
)


class Contracts:
    """The contracts of all segments, NSEEQ's from a file if there is one. Each download is encoded once."""

    def __init__(self, nse_file: Path | None) -> None:
        nse_rows = read_contracts(nse_file) if nse_file else built_in_nse()
        self._segments: dict[str, list[Contract]] = {segment: [] for segment in SEGMENTS} | {
            "NSEEQ": nse_rows,
            "BSEEQ": built_in_bse(),
            "INDICES": built_in_indices(),
        }
        everything = [row for rows in self._segments.values() for row in rows]
        self._by_id = {(row.exchange, row.instrument_id): row for row in everything}
        self._indices = {row.instrument_id: row for row in everything if row.is_index}
        self._by_symbol = {
            (row.exchange, row.symbol): row
            for row in sorted(everything, key=lambda row: row.trading_symbol.endswith("-EQ"))
        }
        self._encoded = lru_cache(maxsize=None)(self._encode)

    def find(self, exchange: str, instrument_id: str) -> Contract | None:
        """Find an instrument; indices are found under every exchange, because clients request them under NSEEQ."""
        return self._by_id.get((exchange, instrument_id)) or self._indices.get(instrument_id)

    def by_symbol(self, exchange: str, symbol: str) -> Contract | None:
        """Find a contract by its symbol without series; if there are several series, EQ."""
        return self._by_symbol.get((exchange, symbol))

    def of(self, exchange: str) -> list[Contract]:
        """Return the rows of an exchange's contract file."""
        return self._segments.get(exchange, [])

    def knows(self, symbol: str) -> bool:
        return any((exchange, symbol) in self._by_symbol for exchange in ("NSEEQ", "BSEEQ", "NSEFO"))

    def download(self, file_name: str) -> bytes | None:
        """Return the contract file of this name, such as `NSEEQ.json`; None if the broker has none."""
        segment, _, form = file_name.partition(".")
        return self._encoded(segment, form) if segment in self._segments and form in ("json", "csv") else None

    def _encode(self, segment: str, form: str) -> bytes:
        rows = self._segments[segment]
        return msgspec.json.encode(rows) if form == "json" else encode_csv(rows)


def encode_csv(rows: Iterable[Contract]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([title for title, _ in CSV_COLUMNS])
    writer.writerows([getattr(row, field) for _, field in CSV_COLUMNS] for row in rows)
    return text.getvalue().encode()


def read_contracts(path: Path) -> list[Contract]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Contract])
    except FileNotFoundError:
        raise SimulatorError(f"There is no contract file {path}.") from None
    except (OSError, msgspec.MsgspecError) as error:
        raise SimulatorError(f"{path} is not a contract file, which is a JSON list of contracts: {error}.") from error


def built_in_nse() -> list[Contract]:
    shares = [
        Contract(
            exchange="NSEEQ",
            underlying_instrument_symbol=share.symbol,
            instrument_id=nse_number(position, share),
            underlying_instrument_name=share.name,
            trading_symbol=f"{share.symbol}-{share.series}",
            formatted_instrument_name=share.name,
        )
        for position, share in enumerate(SHARES)
    ]
    # The broker's own NSEEQ file has index rows too, so clients have to filter them.
    return shares + [row for row in built_in_indices() if row.exchange == "NSEEQ"]


def built_in_bse() -> list[Contract]:
    return [
        Contract(
            exchange="BSEEQ",
            underlying_instrument_symbol=share.symbol,
            instrument_id=share.bse_id,
            underlying_instrument_name=share.name,
            trading_symbol=share.symbol,
            formatted_instrument_name=share.name,
        )
        for share in SHARES
        if share.bse_id
    ]


def built_in_indices() -> list[Contract]:
    """Return the index rows, which leave most columns blank, including the trading symbol."""
    blank = {"option_type": "", "strike_price": "", "lot_size": "", "tick_size": ""}
    return [Contract(exchange, symbol, number, "INDEX", **blank) for exchange, symbol, number in INDICES]
