"""The cache's first page: its statistics, now and over the last hour and day."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from systemcache import families, process_state
from systemcache.admin import charts, tables
from systemcache.admin.charts import Chart
from systemcache.errors import StoreUnavailable
from systemcache.families import Family
from systemcache.local.ttl_dict import TTLDict
from systemcache.models import ClearRecord
from systemcache.operations import health
from systemcache.stats import counters, time_series
from systemcache.stats.time_series import Mark, Point

HOUR, DAY = 60, 24 * 60  # minutes
STEP, DAY_STEP = 1, 15
LAST_CLEARS = 5
MAX_MARKS = 8
DAY_CACHE_TTL = 60.0  # seconds
SPARKLINE_STEP = 3  # minutes

day_cache: TTLDict[list[Point]] = process_state.register(TTLDict())


@dataclass(frozen=True, slots=True)
class Period:
    """A span of time: its charts, and the same counts as a table in fewer steps."""

    name: str
    charts: tuple[Chart, ...]
    table: Sequence[Point]
    marks: Sequence[Mark]

    @property
    def latest(self) -> Sequence[Mark]:
        """The marks that the page lists."""
        return self.marks[-MAX_MARKS:]


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """A family's row: its counts since counting began, and its last hour as a sparkline."""

    family: Family[Any]
    counts: dict[str, Any]
    chart: Chart | None


@require_safe
def overview_view(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    snapshot = counters.snapshot()
    known = families.registered()
    if file := tables.as_file(
        request, "families", [{"family": family.name, **snapshot["families"][family.name]} for family in known]
    ):
        return file
    public = [family.name for family in known if not family.secret]
    sums = {
        event: sum(snapshot["families"][name][event] for name in public) for event in ("stale", "loads", "load_seconds")
    }
    hours, day, marks = _history(known)
    context |= {
        "title": "Cache",
        "stats": snapshot,
        "memory": _memory_percent(snapshot["redis"]),
        "stale": sums["stale"],
        "loads": sums["loads"],
        "load_time": charts.mean_load_seconds(sums),
        "periods": build_periods(charts.sum_series([hours[name] for name in public]), day, marks) if hours else [],
        "rows": [FamilyRow(family, snapshot["families"][family.name], _sparkline(family, hours)) for family in known],
        "components": health.shown_on_overview(),
        "clears": ClearRecord.objects.all()[:LAST_CLEARS],
    }
    return TemplateResponse(request, "admin/systemcache/cache/overview.html", context)


def _memory_percent(redis: dict[str, Any]) -> float | None:
    """Percent of the memory limit in use; None without a limit."""
    return round(100 * redis["used_memory"] / redis["maxmemory"], 1) if redis.get("maxmemory") else None


def _history(known: Sequence[Family[Any]]) -> tuple[dict[str, list[Point]], list[Point], list[Mark]]:
    """Each family's last hour, the last day of all families, and the day's marks; all empty while Redis is down."""
    try:
        hours = {family.name: time_series.series(family.name, minutes=HOUR, step=STEP) for family in known}
        return hours, _last_day(), time_series.marks(DAY)
    except StoreUnavailable:
        return {}, [], []


def _last_day() -> list[Point]:
    """The last day of all families, at most a minute old: it adds up a hundred thousand counts."""
    if not (points := day_cache.get("")):
        points = time_series.series(None, minutes=DAY, step=DAY_STEP)
        day_cache.set("", points, DAY_CACHE_TTL)
    return points


def _sparkline(family: Family[Any], hours: dict[str, list[Point]]) -> Chart | None:
    points = charts.downsample(hours.get(family.name, []), SPARKLINE_STEP)
    return charts.reads_chart(points, (), f"{family.name}: reads in the last hour") if points else None


def build_periods(hour: Sequence[Point], day: Sequence[Point], marks: Sequence[Mark]) -> list[Period]:
    """The last hour by the minute and the last day by the quarter of an hour."""
    return [_period("Last hour", hour, marks, 5), _period("Last day", day, marks, 4)]


def _period(name: str, points: Sequence[Point], marks: Sequence[Mark], steps: int) -> Period:
    """`steps` steps of the charts make one row of the table."""
    visible = [mark for mark in marks if points and mark.at >= points[0].at]
    return Period(
        name,
        (
            charts.reads_chart(points, visible, f"{name}: reads"),
            charts.load_time_chart(points, visible, f"{name}: load time"),
        ),
        charts.downsample(points, steps),
        visible,
    )
