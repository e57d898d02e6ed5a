"""The cache's first page: its statistics, now and over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from systemcache import families, process_state
from systemcache.admin import charts, history, tables
from systemcache.admin.charts import Chart
from systemcache.admin.history import Choice
from systemcache.errors import StoreUnavailable
from systemcache.families import Family
from systemcache.local.ttl_dict import TTLDict
from systemcache.models import ClearRecord
from systemcache.operations import health
from systemcache.stats import counters, time_series
from systemcache.stats.time_series import Mark, Point

LAST_CLEARS = 5
HISTORY_TTL = 60.0  # seconds
SPARKLINE_STEP = 3  # minutes

history_cache: TTLDict[list[Point]] = process_state.register(TTLDict())


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """A family's row: its counts since counting began, and its last hour as a sparkline."""

    family: Family[Any]
    counts: dict[str, Any]
    chart: Chart | None


@require_safe
def overview_view(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    if file := history.as_file(request, "history", None):
        return file
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
    choice = history.chosen(request)
    hours, points, marks = _history(known, choice)
    hour = charts.sum_series([hours[name] for name in public]) if hours else []
    context |= {
        "title": "Cache",
        "stats": snapshot,
        "memory": _memory_percent(snapshot["redis"]),
        "stale": sums["stale"],
        "loads": sums["loads"],
        "load_time": charts.mean_load_seconds(sums),
        "periods": history.build_periods(hour, choice, points, marks) if hours else [],
        "choices": history.CHOICES,
        "rows": [FamilyRow(family, snapshot["families"][family.name], _sparkline(family, hours)) for family in known],
        "components": health.shown_on_overview(),
        "clears": ClearRecord.objects.all()[:LAST_CLEARS],
    }
    return TemplateResponse(request, "admin/systemcache/cache/overview.html", context)


def _memory_percent(redis: dict[str, Any]) -> float | None:
    """Percent of the memory limit in use; None without a limit."""
    return round(100 * redis["used_memory"] / redis["maxmemory"], 1) if redis.get("maxmemory") else None


def _history(known: Sequence[Family[Any]], choice: Choice) -> tuple[dict[str, list[Point]], list[Point], list[Mark]]:
    """Each family's last hour, the chosen period of all families, and its marks; all empty while Redis is down."""
    try:
        hours = {
            family.name: time_series.series(family.name, minutes=history.HOUR, step=history.STEP) for family in known
        }
        return hours, _points(choice), time_series.marks(choice.days * history.DAY)
    except StoreUnavailable:
        return {}, [], []


def _points(choice: Choice) -> list[Point]:
    """The chosen period of all families, at most a minute old: it adds up a hundred thousand counts."""
    if not (points := history_cache.get(choice.key)):
        points = choice.points(None)
        history_cache.set(choice.key, points, HISTORY_TTL)
    return points


def _sparkline(family: Family[Any], hours: dict[str, list[Point]]) -> Chart | None:
    points = charts.downsample(hours.get(family.name, []), SPARKLINE_STEP)
    return charts.reads_chart(points, (), f"{family.name}: reads in the last hour") if points else None
