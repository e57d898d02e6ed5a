"""Subjects side by side: each one's crowd in each round, in turns, so that whatever else the machine does hits all."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.serving import Crowd, crowd

ROUNDS, SECONDS, WARM_UP = 5, 3.0, 1.0


@dataclass(frozen=True)
class Subject:
    """A server on `port`, and what its callers ask for (see workloads.py)."""

    name: str
    port: int
    words: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """Answers a second: the median of the rounds, the lowest and the highest; milliseconds; sums of what was wrong."""

    name: str
    per_second: float
    low: float
    high: float
    p50: float
    p99: float
    failures: int
    stale: int


def measured(subjects: Sequence[Subject], token: str, connections: int, seconds: float = SECONDS) -> list[Row]:
    seen: dict[str, list[Crowd]] = {subject.name: [] for subject in subjects}
    for subject in subjects:
        crowd(subject.port, token, *subject.words, connections=connections, seconds=WARM_UP)
    for _ in range(ROUNDS):
        for subject in subjects:
            seen[subject.name].append(
                crowd(subject.port, token, *subject.words, connections=connections, seconds=seconds)
            )
    return [row(name, crowds) for name, crowds in seen.items()]


def row(name: str, crowds: Sequence[Crowd]) -> Row:
    rates = [found.per_second for found in crowds]
    return Row(
        name,
        statistics.median(rates),
        min(rates),
        max(rates),
        statistics.median(found.p50 for found in crowds),
        statistics.median(found.p99 for found in crowds),
        sum(found.failures for found in crowds),
        sum(found.stale for found in crowds),
    )


def show(title: str, rows: Sequence[Row], *beside: str) -> None:
    """A table, with each row's rate as a share of those of the rows named in `beside`."""
    by_name = {row.name: row.per_second for row in rows}
    heads = "".join(f"  / {name.split(',')[0]:14.14}" for name in beside)
    print(f"{title:48}{'per second':>11}{'low':>8}{'high':>8}{'p50 ms':>8}{'p99 ms':>8}{heads}")
    for row in rows:
        figures = f"{row.per_second:>11.0f}{row.low:>8.0f}{row.high:>8.0f}{row.p50:>8.2f}{row.p99:>8.2f}"
        ratios = "".join(f"{row.per_second / by_name[name]:>18.2f}" for name in beside)
        faults = f"   {row.failures} failed" * bool(row.failures) + f"   {row.stale} stale" * bool(row.stale)
        print(f"{row.name:48}{figures}{ratios}{faults}")
