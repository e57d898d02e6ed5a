"""Charts as numbers, by pure functions: where each bar stands in a box of one unit a step by 100.

The template draws them as SVG and stretches the box to the page; words stand beside it, in HTML, where they keep
their size on a phone.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import floor, log10

from systemcache.series import Mark, Point

HEIGHT = 100.0
# What a read came to, from the bottom up: a stale value is a miss whose load failed.
READS = {"hit": "from the cache", "load": "loaded", "stale": "stale", "bypass": "past the cache"}


@dataclass(frozen=True, slots=True)
class Part:
    kind: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One step: `text` says in words what it shows."""

    at: datetime
    x: int
    parts: tuple[Part, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """Something that happened, at its place."""

    mark: Mark
    x: float


@dataclass(frozen=True, slots=True)
class Chart:
    """`top` is the value at the upper edge; `text` says in words what the whole shows."""

    title: str
    text: str
    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]
    top: float
    unit: str
    legend: Mapping[str, str]

    @property
    def name(self) -> str:
        """Unlike any other on its page."""
        return re.sub(r"\W+", "-", self.title.lower())

    @property
    def width(self) -> int:
        return len(self.bars)

    @property
    def paths(self) -> dict[str, str]:
        """All parts of one kind as one SVG path: a hundred elements less to make, to send and to draw."""
        drawn: dict[str, list[str]] = {kind: [] for kind in self.legend}
        for bar in self.bars:
            for part in bar.parts:
                drawn[part.kind].append(f"M{bar.x}.1 {part.y:.2f}h.8v{part.height:.2f}h-.8z")
        return {kind: "".join(steps) for kind, steps in drawn.items() if steps}

    @property
    def is_empty(self) -> bool:
        return not any(bar.parts for bar in self.bars)


def outcomes(counts: Mapping[str, float]) -> dict[str, float]:
    """Reads by what they came to."""
    stale = counts.get("stale", 0)
    return {
        "hit": counts.get("hits", 0) + counts.get("near_hits", 0),
        "load": max(0.0, counts.get("misses", 0) - stale),
        "stale": stale,
        "bypass": counts.get("bypasses", 0),
    }


def reads(points: Sequence[Point], marks: Sequence[Mark], title: str) -> Chart:
    """Stacked by what they came to."""
    found = [outcomes(point.counts) for point in points]
    sums = {kind: sum(row[kind] for row in found) for kind in READS}
    return _chart(title, f"{_words(sums)} in all.", points, found, marks, "reads", READS)


def load_times(points: Sequence[Point], marks: Sequence[Mark], title: str) -> Chart:
    """The mean time of a load, in milliseconds."""
    found = [{"time": 1000 * (mean_load(point.counts) or 0)} for point in points]
    longest = max((row["time"] for row in found), default=0)
    text = f"At most {longest:,.0f} ms in the mean of a step." if longest else "No loads."
    return _chart(title, text, points, found, marks, "ms", {"time": "mean time of a load"})


def mean_load(counts: Mapping[str, float]) -> float | None:
    """Seconds; None without a load."""
    loads = counts.get("loads", 0)
    return counts.get("load_seconds", 0) / loads if loads else None


def total(rows: Sequence[Sequence[Point]]) -> list[Point]:
    """Several series over the same steps as one."""
    return [Point(points[0].at, _sum([point.counts for point in points])) for points in zip(*rows, strict=True)]


def coarser(points: Sequence[Point], steps: int) -> list[Point]:
    """So many steps as one, from the oldest on."""
    starts = range(0, len(points), steps)
    return [Point(points[at].at, _sum([point.counts for point in points[at : at + steps]])) for at in starts]


def _sum(counts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    events = dict.fromkeys(event for row in counts for event in row)
    return {event: sum(row.get(event, 0) for row in counts) for event in events}


def _chart(
    title: str,
    text: str,
    points: Sequence[Point],
    found: Sequence[Mapping[str, float]],
    marks: Sequence[Mark],
    unit: str,
    legend: Mapping[str, str],
) -> Chart:
    top = ceiling(max((sum(row.values()) for row in found), default=0))
    bars = tuple(
        Bar(point.at, x, _parts(row, top), _words(row) if unit == "reads" else f"{row['time']:,.0f} ms")
        for x, (point, row) in enumerate(zip(points, found, strict=True))
    )
    return Chart(title, text, bars, _lines(points, marks), top, unit, legend)


def _parts(row: Mapping[str, float], top: float) -> tuple[Part, ...]:
    parts, filled = [], 0.0
    for kind, amount in row.items():
        if amount > 0:
            height = HEIGHT * amount / top
            filled += height
            parts.append(Part(kind, round(HEIGHT - filled, 2), round(height, 2)))
    return tuple(parts)


def _words(row: Mapping[str, float]) -> str:
    """“12 from the cache, 1 loaded”."""
    said = [f"{row[kind]:,.0f} {name}" for kind, name in READS.items() if row.get(kind)]
    return ", ".join(said) or "No reads"


def _lines(points: Sequence[Point], marks: Sequence[Mark]) -> tuple[Line, ...]:
    if len(points) < 2:
        return ()
    start, step = points[0].at, points[1].at - points[0].at
    end = points[-1].at + step
    return tuple(Line(mark, round((mark.at - start) / step, 2)) for mark in marks if start <= mark.at < end)


def ceiling(most: float) -> float:
    """The next of 1, 2, 5, 10, 20, … that is not below."""
    if most <= 0:
        return 1.0
    power = 10.0 ** floor(log10(most))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= most * (1 - 1e-9))
