"""One family's page: its rules, its counts, its last hour and day, its largest keys."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from systemcache import browsing, families, invalidation, series, stats, warming
from systemcache.admin.clear_pages import CUT_SHORT
from systemcache.admin.overview import DAY, DAY_STEP, HOUR, STEP, Period, periods
from systemcache.errors import StoreUnavailable, UnknownFamily
from systemcache.families import Family

LONGEST_RELOAD, PATIENCE = 10.0, 3.0  # seconds: of a refresh, and that one read waits for the broker's limits


@require_safe
def page(request: HttpRequest, context: dict[str, Any], name: str) -> HttpResponse:
    family = _named(name)
    snapshot = stats.snapshot()
    context |= {
        "title": f"Family {family.name}",
        "family": family,
        "pattern": browsing.pattern_of(family),
        "type": type_name(family.type),
        "connected": snapshot["connected"],
        "counts": snapshot["families"][family.name],
        "periods": _periods(family),
        "largest": _largest(family),
    }
    return TemplateResponse(request, "admin/systemcache/cache/family.html", context)


def _named(name: str) -> Family[Any]:
    try:
        return families.named(name)
    except UnknownFamily as error:
        raise Http404(str(error)) from error


def _periods(family: Family[Any]) -> list[Period]:
    try:
        hour = series.series(family.name, minutes=HOUR, step=STEP)
        return periods(hour, series.series(family.name, minutes=DAY, step=DAY_STEP), series.marks(DAY))
    except StoreUnavailable:
        return []


def _largest(family: Family[Any]) -> browsing.Largest | None:
    try:
        return browsing.largest(family)
    except StoreUnavailable:
        return None


def type_name(found: object) -> str:
    """`list[Holding]`, without the modules' names."""
    arguments = getattr(found, "__args__", ())
    name = getattr(found, "__name__", str(found))
    return f"{name}[{', '.join(map(type_name, arguments))}]" if arguments else name


@require_POST
def refresh(request: HttpRequest, context: dict[str, Any], name: str) -> HttpResponse:
    """Drops the family's values, and loads again those that are kept warm."""
    family = _named(name)
    try:
        cleared = invalidation.clear(invalidation.target(family=family.name), by=request.user.get_username())
    except StoreUnavailable as error:
        messages.error(request, f"{error} {CUT_SHORT}")
    else:
        report = warming.run(family=family.name, longest=LONGEST_RELOAD, patience=PATIENCE)
        _say(request, cleared.keys, report)
    return HttpResponseRedirect(reverse("admin:systemcache_cache_family", args=[family.name]))


def _say(request: HttpRequest, dropped: int, report: warming.Report) -> None:
    reads = len(report.warmed)
    said = f"{dropped:,} dropped, {reads:,} read{'' if reads == 1 else 's'} done anew."
    if report.failed:
        first = report.failed[0]
        messages.warning(request, f"{said} {len(report.failed)} failed; {first.what or first.family}: {first.error}")
    elif report.left:
        messages.warning(request, f"{said} The time was too short for {len(report.left)} more.")
    elif report.warmed:
        messages.success(request, said)
    else:
        messages.success(request, f"{dropped:,} dropped; the next read of each loads it anew.")
