"""Tables of the account's rows: their columns, order, totals and CSV, each declared once."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from io import StringIO
from typing import Any, NamedTuple

from django.utils import timezone

from broker.money import grouped
from dashboard.formatting import UNKNOWN, clock_time, tone

# A spreadsheet takes text that begins so for a formula (OWASP, CSV injection).
FORMULA = re.compile(r"^[\s]*[=+\-@\t\r]")


class Kind(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    GAIN = "gain"  # a number with its sign, in the colour of a gain or loss
    TIME = "time"
    WORD = "word"  # a state: its underscores are blanks
    SIDE = "side"  # BUY or SELL


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; `name` is the field's in the API.

    `why_unknown` is said of a cell without a value. `wide` columns are left out on a phone, and those that are
    `csv_only` on the page.
    """

    name: str
    label: str
    kind: Kind = Kind.NUMBER
    why_unknown: str = "The broker does not say."
    wide: bool = False
    csv_only: bool = False
    value: Callable[[Any], Any] | None = None

    def of(self, row: object) -> Any:
        return self.value(row) if self.value else getattr(row, self.name)


class Cell(NamedTuple):
    """`moment` is there for times; `title` says more where the text cannot."""

    column: Column
    text: str
    tone: str = ""
    title: str = ""
    moment: datetime | None = None


class Row(NamedTuple):
    key: str
    source: Any
    cells: list[Cell]


class Heading(NamedTuple):
    """`sorted_as` is for aria-sort; `query` orders the table by this column, or turns its order around."""

    column: Column
    sorted_as: str
    query: str


class Total(NamedTuple):
    """An amount in the foot of the column of its name."""

    name: str
    amount: Decimal | None
    title: str = ""


@dataclass(frozen=True)
class Table:
    """A list of rows as it is shown."""

    name: str
    columns: Sequence[Column]
    rows: Sequence[Any]
    key: Callable[[Any], str]
    totals: Mapping[str, Total] = field(default_factory=dict)
    sort: str = ""
    descending: bool = False

    def sorted_by(self, query: Mapping[str, str]) -> "Table":
        """Order the table as `sort` and `order` of a query string say; what they do not name stays as it is."""
        column = next((column for column in self.columns if column.name == query.get("sort")), None)
        if column is None:
            return self
        descending = query.get("order") == "desc"
        known = [row for row in self.rows if column.of(row) is not None]
        unknown = [row for row in self.rows if column.of(row) is None]
        ordered = sorted(known, key=column.of, reverse=descending)
        return replace(self, rows=[*ordered, *unknown], sort=column.name, descending=descending)

    @property
    def query(self) -> str:
        """The query string of the order."""
        return f"?sort={self.sort}&order={'desc' if self.descending else 'asc'}" if self.sort else ""

    @property
    def shown(self) -> list[Column]:
        return [column for column in self.columns if not column.csv_only]

    def headings(self) -> list[Heading]:
        return [self._heading(column) for column in self.shown]

    def shown_rows(self) -> list[Row]:
        return [
            Row(key, row, [cell_of(column, row) for column in self.shown])
            for key, row in zip(unique(map(self.key, self.rows)), self.rows, strict=True)
        ]

    def foot(self) -> list[Cell]:
        """One cell a column, empty where nothing is added up; none at all without totals."""
        return [self._total(column) for column in self.shown] if self.totals else []

    def csv(self) -> str:
        """The rows as a spreadsheet reads them: plain numbers, times with their offset, and no text that computes."""
        text = StringIO()
        writer = csv.writer(text)
        writer.writerow([column.name for column in self.columns])
        writer.writerows([_csv_field(column.of(row)) for column in self.columns] for row in self.rows)
        return text.getvalue()

    def _heading(self, column: Column) -> Heading:
        is_sorted = column.name == self.sort
        # Numbers are looked at from the largest, names from A.
        first = "asc" if column.kind in (Kind.TEXT, Kind.WORD, Kind.SIDE) else "desc"
        now = "desc" if self.descending else "asc"
        order = ("asc" if now == "desc" else "desc") if is_sorted else first
        sorted_as = {"asc": "ascending", "desc": "descending"}[now] if is_sorted else "none"
        return Heading(column, sorted_as, f"?sort={column.name}&order={order}")

    def _total(self, column: Column) -> Cell:
        total = self.totals.get(column.name)
        if total is None:
            return Cell(column, "")
        if total.amount is None:
            return Cell(column, UNKNOWN, title=total.title or column.why_unknown)
        signed = column.kind is Kind.GAIN
        return Cell(column, grouped(total.amount, signed=signed), tone(total.amount) if signed else "", total.title)


def cell_of(column: Column, row: object) -> Cell:
    value = column.of(row)
    if value is None or value == "":
        return Cell(column, UNKNOWN if value is None else "", title=column.why_unknown if value is None else "")
    if column.kind is Kind.SIDE:
        return Cell(column, str(value), tone=str(value).lower())
    if column.kind is Kind.TIME:
        return Cell(column, clock_time(value), moment=value)
    if column.kind is Kind.GAIN:
        return Cell(column, grouped(value, signed=True), tone(value))
    if column.kind is Kind.NUMBER:
        return Cell(column, grouped(value))
    return Cell(column, str(value).replace("_", " ") if column.kind is Kind.WORD else str(value))


def _csv_field(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat()
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return f"{value:f}" if isinstance(value, Decimal) else str(value)
    return f"'{value}" if FORMULA.match(str(value)) else str(value)


def unique(keys: Iterable[str]) -> list[str]:
    """Number keys that come again: a share may be held in several rows that nothing tells apart."""
    seen: Counter[str] = Counter()
    found = []
    for key in keys:
        seen[key] += 1
        found.append(key if seen[key] == 1 else f"{key}-{seen[key]}")
    return found
