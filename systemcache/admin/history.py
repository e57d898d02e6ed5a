"""The counts of the cache's pages over time: the last hour, and a day, a week or thirty days, as the address asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from systemcache.admin import charts, tables
from systemcache.admin.charts import Chart
from systemcache.errors import StoreUnavailable
from systemcache.stats import time_series
from systemcache.stats.time_series import Mark, Point

HOUR, DAY = 60, time_series.DAY  # minutes
STEP = 1
HOUR_STEPS = 5  # of the charts in a row of the table
MAX_MARKS = 8
COLUMNS = ("hits", "near_hits", "misses", "stale", "bypasses", "loads", "load_seconds", "load_errors")


@dataclass(frozen=True, slots=True)
class Choice:
    """A period that can be chosen with `?period=<key>`; `row_steps` steps of its charts make a row of its table."""

    key: str
    name: str
    days: int
    step: int
    row_steps: int

    def points(self, family: str | None) -> list[Point]:
        """The counts of a family, or of all public ones together. Raises StoreUnavailable."""
        if self.days == 1:
            return time_series.series(family, minutes=DAY, step=self.step)
        return time_series.whole_days(family, self.days, step=self.step)


CHOICES = (
    Choice("day", "Last day", 1, 15, 4),
    Choice("week", "Last week", 7, 120, 12),
    Choice("month", "Last 30 days", 30, 480, 3),
)


@dataclass(frozen=True, slots=True)
class Period:
    """A span of time: its charts, and the same counts as a table in fewer steps."""

    name: str
    charts: tuple[Chart, ...]
    table: Sequence[Point]
    marks: Sequence[Mark]
    format: str
    """Of the times of its steps, as Django's templates write it."""
    row_format: str
    choice: Choice | None = None

    @property
    def latest(self) -> Sequence[Mark]:
        """The marks that the page lists."""
        return self.marks[-MAX_MARKS:]


def chosen(request: HttpRequest) -> Choice:
    """The period that the address names; the last day if it names none."""
    return next((choice for choice in CHOICES if choice.key == request.GET.get("period")), CHOICES[0])


def build_periods(
    hour: Sequence[Point], choice: Choice, points: Sequence[Point], marks: Sequence[Mark]
) -> list[Period]:
    """The last hour by the minute, and the chosen period in its steps."""
    times, days = ("H:i", "H:i") if choice.days == 1 else ("j M, H:i", "D j M")
    return [
        _period("Last hour", hour, marks, HOUR_STEPS, "H:i", "H:i", None),
        _period(choice.name, points, marks, choice.row_steps, times, days, choice),
    ]


def _period(
    name: str,
    points: Sequence[Point],
    marks: Sequence[Mark],
    row_steps: int,
    format_: str,
    row_format: str,
    choice: Choice | None,
) -> Period:
    visible = [mark for mark in marks if points and mark.at >= points[0].at]
    return Period(
        name,
        (
            charts.reads_chart(points, visible, f"{name}: reads"),
            charts.load_time_chart(points, visible, f"{name}: load time"),
        ),
        charts.downsample(points, row_steps),
        visible,
        format_,
        row_format,
        choice,
    )


def as_file(request: HttpRequest, name: str, family: str | None) -> HttpResponse | None:
    """The chosen period, in the format that the request asks for; None if it does not ask for `table=history`."""
    if request.GET.get("table") != "history":
        return None
    choice = chosen(request)
    try:
        rows = [_row(point) for point in choice.points(family)]
    except StoreUnavailable as error:
        return HttpResponse(str(error), status=503, content_type="text/plain")
    return tables.as_file(request, f"{name}-{choice.key}", rows)


def _row(point: Point) -> dict[str, Any]:
    counts = {column: point.counts.get(column, 0) for column in COLUMNS}
    whole = {column: round(count, 6) if column == "load_seconds" else round(count) for column, count in counts.items()}
    return {"from": timezone.localtime(point.at).isoformat(), **whole}
