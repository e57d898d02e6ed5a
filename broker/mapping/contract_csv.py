"""A contract file as CSV, read while it arrives: never more of it in memory than a line and a piece (iifl_api §5)."""

import codecs
import csv
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice

from broker.errors import BrokerAnswerUnclear, BrokerUnreachable
from broker.mapping import envelope
from broker.mapping.fields import Row

# The columns' titles, in small letters, and the names that the JSON files have for them.
NAMES = {
    "exchange": "exchange",
    "underlying instrument symbol": "underlyingInstrumentSymbol",
    "instrument id": "instrumentId",
    "instrument type": "instrumentType",
    "option type": "optionType",
    "strike price": "strikePrice",
    "underlying instrument name": "underlyingInstrumentName",
    "formatted instrument name": "formattedInstrumentName",
    "trading symbol": "tradingSymbol",
    "expiry": "expiry",
    "lot size": "lotSize",
    "tick size": "tickSize",
}
SPELLINGS = NAMES | {name.lower(): name for name in NAMES.values()}
NEEDED = {"exchange", "instrumentId", "tradingSymbol"}
LONGEST_LINE = 64 * 1024  # characters
LINES_OF_A_REFUSAL = 1_000


def rows(pieces: Iterable[bytes]) -> Iterator[Row]:
    """The rows under the JSON files' names.

    Raises BrokerUnreachable for a body that is empty or cut off, BrokerAnswerUnclear for one that is no such table, and
    what a refusal in its place says (BrokerRefused, BrokerLoginRequired).
    """
    lines = _lines(pieces)
    head = next((line for line in lines if line.strip()), None)
    if head is None:
        raise BrokerUnreachable("it sent an empty contract file")
    if head.lstrip()[0] in "{[":
        _refuse("".join([head, *islice(lines, LINES_OF_A_REFUSAL)]))
    try:
        yield from _table(csv.reader(chain([head], lines)))
    except csv.Error as error:
        raise BrokerAnswerUnclear(f"a contract file that is no table ({error})") from None


def _table(table: Iterator[list[str]]) -> Iterator[Row]:
    names = [SPELLINGS.get(" ".join(title.lower().split()), "") for title in next(table, [])]
    if not set(names) >= NEEDED:
        raise BrokerAnswerUnclear("a contract file without its header")
    cells: list[str] = names
    for cells in table:
        if len(cells) >= len(names):
            yield dict(zip(names, cells, strict=False))
    if 0 < len(cells) < len(names):
        raise BrokerUnreachable("a contract file ended within a row")


def _refuse(body: str) -> None:
    """JSON where a table is expected says what is wrong."""
    with suppress(ValueError, RecursionError):
        envelope.result(json.loads(body))
    raise BrokerAnswerUnclear("a contract file that is no CSV")


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    rest = ""
    for piece in pieces:
        *whole, rest = (rest + decoder.decode(piece)).split("\n")
        if len(rest) > LONGEST_LINE:
            raise BrokerAnswerUnclear("a contract file of endless lines")
        yield from map(_line, whole)
    if rest := rest + decoder.decode(b"", final=True):
        yield _line(rest)


def _line(text: str) -> str:
    return text.rstrip("\r").replace("\r", " ") + "\n"
