"""The calendar's CSV files, and the one that is shipped with the site."""

import csv
from collections.abc import Iterable, Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Protocol

from broker import csv_rows
from broker.calendar import hours
from broker.csv_rows import MalformedRow
from broker.models.calendar import EXCHANGES
from broker.values import CalendarRow

HEADER = ["day", "applies", "exchanges", "hours", "reason", "source"]
ON_THE_DAY, WEEKLY = "day", "weekdays from"
KNOWN_EXCHANGES = frozenset(name for name, _ in EXCHANGES)
MAX_LENGTH = 200  # of a reason or a source
SHIPPED = Path(__file__).with_name("exchange_days.csv")


@cache
def shipped() -> tuple[CalendarRow, ...]:
    with SHIPPED.open(encoding="utf-8") as file:
        return tuple(read(file))


def read(lines: Iterable[str]) -> Iterator[CalendarRow]:
    """Yield a row for each exchange that a line names. Raises MalformedRow, naming the line."""
    table = csv_rows.table(lines)
    if next(table, None) != HEADER:
        raise MalformedRow(f"the first line is not {','.join(HEADER)}")
    seen: set[tuple[str, date, bool]] = set()
    for cells in table:
        try:
            rows = list(_rows(*cells))
            for row in rows:
                place = row.exchange, row.day, row.weekly
                if place in seen:
                    raise MalformedRow(f"{row.exchange} has this day twice")
                seen.add(place)
        except (MalformedRow, ValueError) as error:
            raise MalformedRow(f"the line {','.join(cells)!r} is not a row of the calendar: {error}") from None
        yield from rows


def _rows(day: str, applies: str, exchanges: str, text: str, reason: str, source: str) -> Iterator[CalendarRow]:
    names = exchanges.split()
    if not names or not KNOWN_EXCHANGES.issuperset(names):
        raise MalformedRow(f"exchanges are some of {', '.join(sorted(KNOWN_EXCHANGES))}, separated by blanks")
    if applies not in (ON_THE_DAY, WEEKLY):
        raise MalformedRow(f"applies is {ON_THE_DAY!r} or {WEEKLY!r}")
    if max(len(reason), len(source)) > MAX_LENGTH:
        raise MalformedRow(f"a reason or a source is longer than {MAX_LENGTH} characters")
    weekly = applies == WEEKLY
    hours.check(text, weekly=weekly)
    for name in names:
        yield CalendarRow(
            exchange=name, day=date.fromisoformat(day), weekly=weekly, hours=text, reason=reason, source=source
        )


class Writable(Protocol):
    def write(self, text: str, /) -> object: ...


def write(rows: Iterable[CalendarRow], file: Writable) -> None:
    """Write a file that `read` reads, with exchanges of the same row in one line."""
    lines: dict[tuple[object, ...], list[str]] = {}
    for row in sorted(rows, key=lambda row: (not row.weekly, row.day)):
        lines.setdefault((row.day, row.weekly, row.hours, row.reason, row.source), []).append(row.exchange)
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADER)
    for (day, weekly, text, reason, source), names in lines.items():
        writer.writerow([day, WEEKLY if weekly else ON_THE_DAY, " ".join(names), text, reason, source])
