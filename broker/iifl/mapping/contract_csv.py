"""Parses a contract file as it arrives, with only a line and a chunk of it in memory (iifl_api §5)."""

import codecs
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice

from broker.csv_rows import MalformedRow, cells, cells_of_width
from broker.errors import BrokerAnswerUnclear, BrokerUnreachable
from broker.iifl.mapping import envelope
from broker.iifl.mapping.fields import Row

# The columns' titles in lower case, and the names that the JSON files use for them.
COLUMNS = {
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
SPELLINGS = COLUMNS | {name.lower(): name for name in COLUMNS.values()}
REQUIRED = {"exchange", "instrumentId", "tradingSymbol"}
MAX_LINE_LENGTH = 64 * 1024  # characters
MAX_ERROR_LINES = 1_000


OnMalformed = Callable[[int, MalformedRow], object]


def rows(chunks: Iterable[bytes], on_malformed: OnMalformed) -> Iterator[tuple[int, Row]]:
    """Yield the rows under the JSON files' names, each with the number of its line.

    A row that has not exactly the header's cells goes to `on_malformed` instead. Raises BrokerUnreachable for a body
    that is empty or cut off, BrokerAnswerUnclear for one that is not such a table, BrokerRefused or BrokerLoginRequired
    for a refusal in its place.
    """
    lines = enumerate(_decode_lines(chunks), 1)
    head = next((line for _, line in lines if line.strip()), None)
    if head is None:
        raise BrokerUnreachable("it sent an empty contract file")
    if head.lstrip()[0] in "{[":
        _raise_refusal("".join([head, *(line for _, line in islice(lines, MAX_ERROR_LINES))]))
    yield from _parse_table(_column_names(head), lines, on_malformed)


def _column_names(head: str) -> list[str]:
    try:
        names = [SPELLINGS.get(" ".join(title.lower().split()), "") for title in cells(head.rstrip("\n"))]
    except MalformedRow:
        names = []
    if not set(names) >= REQUIRED or any(name and names.count(name) > 1 for name in names):
        raise BrokerAnswerUnclear("a contract file without its header")
    return names


def _parse_table(
    names: list[str], lines: Iterable[tuple[int, str]], on_malformed: OnMalformed
) -> Iterator[tuple[int, Row]]:
    for number, line in lines:
        if not line.strip():
            continue
        try:
            row = cells_of_width(line.rstrip("\n"), len(names))
        except MalformedRow as error:
            if not line.endswith("\n"):
                raise BrokerUnreachable("a contract file ended within a row") from None
            on_malformed(number, error)
        else:
            yield number, dict(zip(names, row, strict=True))


def _raise_refusal(body: str) -> None:
    """Raise the error in a JSON body that was sent in place of the table."""
    with suppress(ValueError, RecursionError):
        envelope.result(json.loads(body))
    raise BrokerAnswerUnclear("a contract file that is not CSV")


def _decode_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
    rest = ""
    for chunk in chunks:
        *whole, rest = (rest + decoder.decode(chunk)).split("\n")
        if len(rest) > MAX_LINE_LENGTH:
            raise BrokerAnswerUnclear("a contract file with an endless line")
        yield from (f"{_normalize_line(line)}\n" for line in whole)
    if rest := rest + decoder.decode(b"", final=True):
        yield _normalize_line(rest)


def _normalize_line(text: str) -> str:
    return text.rstrip("\r").replace("\r", " ")
