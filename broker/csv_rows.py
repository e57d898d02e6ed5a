"""Splits CSV files into rows, each line by itself: a stray quotation mark spoils its own row and none of the others."""

import csv
import re
from collections.abc import Iterable, Iterator

# A cell is quoted as a whole, with its own quotation marks doubled, or has none (RFC 4180).
CELL = r'(?:"(?:[^"]|"")*"|[^",]*)'
WELL_FORMED = re.compile(f"{CELL}(?:,{CELL})*")
MAX_CELL_LENGTH = csv.field_size_limit()


class MalformedRow(ValueError):
    """A row that is not what the file's header promises; the message says why."""


def cells(line: str) -> list[str]:
    """Split a line, without its end. Raises MalformedRow for a quotation mark that does not enclose a cell."""
    if '"' not in line:
        return line.split(",")
    if len(line) > MAX_CELL_LENGTH or not WELL_FORMED.fullmatch(line):
        raise MalformedRow("a quotation mark that does not enclose a cell")
    return next(csv.reader([line]))


def cells_of_width(line: str, width: int) -> list[str]:
    """Split a line into as many cells as the header has. Raises MalformedRow."""
    found = cells(line)
    if len(found) != width:
        raise MalformedRow(f"{len(found)} cells where the header has {width}")
    return found


def table(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yield the header and the rows of a whole file without its blank lines. Raises MalformedRow, naming the line."""
    width = 0
    for number, line in enumerate(lines, 1):
        text = line.rstrip("\r\n")
        if width and not text.strip(", \t"):
            continue
        try:
            row = cells_of_width(text, width) if width else cells(text)
        except MalformedRow as error:
            raise MalformedRow(f"line {number} has {error}") from None
        width = width or len(row)
        yield row
