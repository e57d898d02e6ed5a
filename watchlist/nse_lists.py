"""Index lists as NSE publishes them: CSV with the columns Company Name, Industry, Symbol, Series, ISIN Code."""

import csv
from collections.abc import Iterable
from pathlib import Path

COLUMN = "Symbol"


class NotAnIndexList(ValueError):
    """The file cannot be read as such a list; the message is a sentence for its user."""


def symbols_of(path: Path) -> list[str]:
    """The file's symbols in their order, each once."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(dict.fromkeys(_symbols(file)))
    except OSError as error:
        raise NotAnIndexList(f"{path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise NotAnIndexList(f"{path} is not a CSV file in UTF-8: {error}.") from error
    except KeyError as error:
        raise NotAnIndexList(f"{path} has no column {COLUMN!r} in its first line.") from error


def _symbols(lines: Iterable[str]) -> Iterable[str]:
    rows = csv.reader(lines)
    header = [name.strip() for name in next(rows, [])]
    if COLUMN not in header:
        raise KeyError(COLUMN)
    place = header.index(COLUMN)
    for row in rows:
        if symbol := row[place].strip().upper() if len(row) > place else "":
            yield symbol
