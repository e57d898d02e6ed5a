"""Chart geometry as pure functions: where each bar lies in a box one unit wide per step and 100 units high.

The template draws the box as an SVG stretched to the page. Labels are HTML beside it, so that they keep their size on a
phone.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import floor, log10

from systemcache.stats.time_series import Mark, Point

HEIGHT = 100.0
# Outcomes of a read, from the bottom of a bar upwards. A stale value is a miss whose load failed.
OUTCOME_LABELS = {"hit": "from the cache", "load": "loaded", "stale": "stale", "bypass": "bypassed"}


@dataclass(frozen=True, slots=True)
class Segment:
    """One colour of a stacked bar."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One step. `description` is its tooltip."""

    at: datetime
    x: int
    segments: tuple[Segment, ...]
    description: str


@dataclass(frozen=True, slots=True)
class MarkLine:
    """A vertical line where something happened."""

    mark: Mark
    x: float


@dataclass(frozen=True, slots=True)
class Chart:
    """`y_max` is the value at the upper edge; `description` is the text alternative for screen readers."""

    title: str
    description: str
    bars: tuple[Bar, ...]
    mark_lines: tuple[MarkLine, ...]
    y_max: float
    unit: str
    legend: Mapping[str, str]

    @property
    def name(self) -> str:
        """An id that is unique on the page."""
        return re.sub(r"\W+", "-", self.title.lower())

    @property
    def width(self) -> int:
        return len(self.bars)

    @property
    def paths(self) -> dict[str, str]:
        """All segments of one kind as one SVG path: a hundred elements fewer to build, send and draw."""
        steps: dict[str, list[str]] = {kind: [] for kind in self.legend}
        for bar in self.bars:
            for segment in bar.segments:
                steps[segment.kind].append(f"M{bar.x}.1 {segment.y:.2f}h.8v{segment.height:.2f}h-.8z")
        return {kind: "".join(path) for kind, path in steps.items() if path}

    @property
    def is_empty(self) -> bool:
        return not any(bar.segments for bar in self.bars)


def count_outcomes(counts: Mapping[str, float]) -> dict[str, float]:
    """Counts of reads by the kinds in OUTCOME_LABELS."""
    stale = counts.get("stale", 0)
    return {
        "hit": counts.get("hits", 0) + counts.get("near_hits", 0),
        "load": max(0.0, counts.get("misses", 0) - stale),
        "stale": stale,
        "bypass": counts.get("bypasses", 0),
    }


def reads_chart(points: Sequence[Point], marks: Sequence[Mark], title: str) -> Chart:
    """Reads, stacked by outcome."""
    rows = [count_outcomes(point.counts) for point in points]
    sums = {kind: sum(row[kind] for row in rows) for kind in OUTCOME_LABELS}
    return _chart(title, f"{_describe_outcomes(sums)} in all.", points, rows, marks, "reads", OUTCOME_LABELS)


def load_time_chart(points: Sequence[Point], marks: Sequence[Mark], title: str) -> Chart:
    """The mean load time per step, in milliseconds."""
    rows = [{"time": 1000 * (mean_load_seconds(point.counts) or 0)} for point in points]
    longest = max((row["time"] for row in rows), default=0)
    description = f"The highest mean of a step is {longest:,.0f} ms." if longest else "No loads."
    return _chart(title, description, points, rows, marks, "ms", {"time": "mean load time"})


def mean_load_seconds(counts: Mapping[str, float]) -> float | None:
    """None if nothing was loaded."""
    loads = counts.get("loads", 0)
    return counts.get("load_seconds", 0) / loads if loads else None


def sum_series(series: Sequence[Sequence[Point]]) -> list[Point]:
    """Add up several series over the same steps."""
    return [Point(points[0].at, _sum_counts(points)) for points in zip(*series, strict=True)]


def downsample(points: Sequence[Point], steps: int) -> list[Point]:
    """Add up every `steps` points, from the oldest on."""
    groups = [points[start : start + steps] for start in range(0, len(points), steps)]
    return [Point(group[0].at, _sum_counts(group)) for group in groups]


def _sum_counts(points: Sequence[Point]) -> dict[str, float]:
    events = dict.fromkeys(event for point in points for event in point.counts)
    return {event: sum(point.counts.get(event, 0) for point in points) for event in events}


def _chart(
    title: str,
    description: str,
    points: Sequence[Point],
    rows: Sequence[Mapping[str, float]],
    marks: Sequence[Mark],
    unit: str,
    legend: Mapping[str, str],
) -> Chart:
    y_max = nice_ceiling(max((sum(row.values()) for row in rows), default=0))
    bars = tuple(
        Bar(point.at, x, _stack(row, y_max), _describe_outcomes(row) if unit == "reads" else f"{row['time']:,.0f} ms")
        for x, (point, row) in enumerate(zip(points, rows, strict=True))
    )
    return Chart(title, description, bars, _mark_lines(points, marks), y_max, unit, legend)


def _stack(row: Mapping[str, float], y_max: float) -> tuple[Segment, ...]:
    segments, filled = [], 0.0
    for kind, amount in row.items():
        if amount > 0:
            height = HEIGHT * amount / y_max
            filled += height
            segments.append(Segment(kind, round(HEIGHT - filled, 2), round(height, 2)))
    return tuple(segments)


def _describe_outcomes(row: Mapping[str, float]) -> str:
    """“12 from the cache, 1 loaded”."""
    parts = [f"{row[kind]:,.0f} {label}" for kind, label in OUTCOME_LABELS.items() if row.get(kind)]
    return ", ".join(parts) or "No reads"


def _mark_lines(points: Sequence[Point], marks: Sequence[Mark]) -> tuple[MarkLine, ...]:
    if len(points) < 2:
        return ()
    start, step = points[0].at, points[1].at - points[0].at
    end = points[-1].at + step
    return tuple(MarkLine(mark, round((mark.at - start) / step, 2)) for mark in marks if start <= mark.at < end)


def nice_ceiling(value: float) -> float:
    """Round up to the next of 1, 2, 5, 10, 20, …"""
    if value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value * (1 - 1e-9))
