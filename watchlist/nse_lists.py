"""Reads NSE index lists: CSV with the columns Company Name, Industry, Symbol, Series, ISIN Code."""

from collections.abc import Iterable
from pathlib import Path

from broker.csv_rows import MalformedRow, table

COLUMN = "Symbol"


class NotAnIndexList(ValueError):
    """The file is not such a list; the message is a sentence for the user."""


def symbols_of(path: Path) -> list[str]:
    """Return the file's symbols in order, without duplicates."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(dict.fromkeys(_symbols(file)))
    except OSError as error:
        raise NotAnIndexList(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise NotAnIndexList(f"{path} is not a CSV file in UTF-8: {error}.") from error
    except MalformedRow as error:
        raise NotAnIndexList(f"{path} cannot be read: {error}.") from error
    except KeyError as error:
        raise NotAnIndexList(f"{path} has no column {COLUMN!r} in its first line.") from error


def _symbols(lines: Iterable[str]) -> Iterable[str]:
    rows = table(lines)
    header = [name.strip() for name in next(rows, [])]
    if COLUMN not in header:
        raise KeyError(COLUMN)
    place = header.index(COLUMN)
    for row in rows:
        symbol = row[place].strip().upper()
        if not symbol:
            raise MalformedRow(f"the row {','.join(row)} has no symbol")
        yield symbol
