"""The cache's first page: how well it does, now and over the last hour and day."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from systemcache import families, series, stats
from systemcache.admin import charts
from systemcache.admin.charts import Chart
from systemcache.errors import StoreUnavailable
from systemcache.families import Family
from systemcache.models import ClearRecord
from systemcache.recent import Recent
from systemcache.series import Mark, Point

HOUR, DAY = 60, 24 * 60  # minutes
STEP, DAY_STEP = 1, 15
LAST_CLEARS = 5
LISTED = 8  # marks
DAY_FOR = 60.0  # seconds for which a process keeps the last day
SPARK = 3  # minutes of a family's small chart that are one bar

_day: Recent[list[Point]] = Recent()


@dataclass(frozen=True, slots=True)
class Period:
    """The charts of one span of time, and the same as a table, in fewer steps."""

    name: str
    charts: tuple[Chart, ...]
    table: Sequence[Point]
    marks: Sequence[Mark]

    @property
    def latest(self) -> Sequence[Mark]:
        return self.marks[-LISTED:]

    @property
    def earlier(self) -> int:
        """How many marks are not listed."""
        return len(self.marks) - len(self.latest)


@dataclass(frozen=True, slots=True)
class Row:
    """A family's line: its counts since they began, and its last hour."""

    family: Family[Any]
    counts: dict[str, Any]
    chart: Chart | None


@require_safe
def page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    snapshot = stats.snapshot()
    known = families.registered()
    hours, day, marks = _history(known)
    public = [hours[family.name] for family in known if not family.secret and family.name in hours]
    context |= {
        "title": "Cache",
        "stats": snapshot,
        "memory": _memory(snapshot["redis"]),
        "stale": sum(row["stale"] for row in _public(snapshot, known)),
        "loads": sum(row["loads"] for row in _public(snapshot, known)),
        "load_time": charts.mean_load(_summed(_public(snapshot, known))),
        "periods": periods(charts.total(public), day, marks) if hours else [],
        "rows": [Row(family, snapshot["families"][family.name], _spark(family, hours)) for family in known],
        "clears": ClearRecord.objects.all()[:LAST_CLEARS],
    }
    return TemplateResponse(request, "admin/systemcache/cache/overview.html", context)


def _public(snapshot: dict[str, Any], known: Sequence[Family[Any]]) -> list[dict[str, Any]]:
    return [snapshot["families"][family.name] for family in known if not family.secret]


def _summed(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    return {event: sum(row[event] for row in rows) for event in ("loads", "load_seconds")}


def _memory(redis: dict[str, Any]) -> float | None:
    """Percent of the limit in use; None without a limit."""
    return round(100 * redis["used_memory"] / redis["maxmemory"], 1) if redis.get("maxmemory") else None


def _history(known: Sequence[Family[Any]]) -> tuple[dict[str, list[Point]], list[Point], list[Mark]]:
    """Each family's last hour, the last day of all, and the day's marks; nothing while Redis is away."""
    try:
        hours = {family.name: series.series(family.name, minutes=HOUR, step=STEP) for family in known}
        return hours, _last_day(), series.marks(DAY)
    except StoreUnavailable:
        return {}, [], []


def _last_day() -> list[Point]:
    """Of all families, at most a minute old: it is put together from a hundred thousand counts."""
    if not (found := _day.get("")):
        found = series.series(None, minutes=DAY, step=DAY_STEP)
        _day.keep("", found, DAY_FOR)
    return found


def forget() -> None:
    """The last day is put together anew: for tests."""
    _day.clear()


def _spark(family: Family[Any], hours: dict[str, list[Point]]) -> Chart | None:
    points = charts.coarser(hours.get(family.name, []), SPARK)
    return charts.reads(points, (), f"{family.name}: reads in the last hour") if points else None


def periods(hour: Sequence[Point], day: Sequence[Point], marks: Sequence[Mark]) -> list[Period]:
    """The last hour by the minute and the last day by the quarter of an hour."""
    return [_period("Last hour", hour, marks, 5), _period("Last day", day, marks, 4)]


def _period(name: str, points: Sequence[Point], marks: Sequence[Mark], steps: int) -> Period:
    """`steps` of the charts are one of the table."""
    shown = [mark for mark in marks if points and mark.at >= points[0].at]
    titles = f"{name}: reads", f"{name}: load time"
    return Period(
        name,
        (charts.reads(points, shown, titles[0]), charts.load_times(points, shown, titles[1])),
        charts.coarser(points, steps),
        shown,
    )
