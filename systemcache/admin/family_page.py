"""A family's page: its rules, its counts, now and over time, its largest keys."""

from contextlib import suppress
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from systemcache import families
from systemcache.admin import history
from systemcache.admin.clear_pages import PARTIAL_CLEAR
from systemcache.admin.history import Choice, Period
from systemcache.errors import StoreUnavailable, UnknownFamily
from systemcache.families import Family
from systemcache.invalidation import clear
from systemcache.operations import key_browser, warming
from systemcache.stats import counters, time_series

REFRESH_TIME_LIMIT = 10.0  # seconds
MAX_WAIT = 3.0  # seconds that one read waits for its source's rate limit


@require_safe
def family_view(request: HttpRequest, context: dict[str, Any], name: str) -> HttpResponse:
    family = _family_or_404(name)
    if file := history.as_file(request, family.name, family.name):
        return file
    snapshot = counters.snapshot()
    context |= {
        "title": f"Family {family.name}",
        "family": family,
        "pattern": key_browser.family_pattern(family),
        "type": type_name(family.type),
        "connected": snapshot["connected"],
        "counts": snapshot["families"][family.name],
        "periods": [],
        "choices": history.CHOICES,
        "largest": None,
    }
    with suppress(StoreUnavailable):  # the page says so itself, because `connected` is False
        context["periods"] = _family_periods(family, history.chosen(request))
        context["largest"] = key_browser.largest(family)
    return TemplateResponse(request, "admin/systemcache/cache/family.html", context)


def _family_or_404(name: str) -> Family[Any]:
    try:
        return families.named(name)
    except UnknownFamily as error:
        raise Http404(str(error)) from error


def _family_periods(family: Family[Any], choice: Choice) -> list[Period]:
    hour = time_series.series(family.name, minutes=history.HOUR, step=history.STEP)
    marks = time_series.marks(choice.days * history.DAY)
    return history.build_periods(hour, choice, choice.points(family.name), marks)


def type_name(type_: object) -> str:
    """`list[Holding]`, without module names."""
    arguments = getattr(type_, "__args__", ())
    name = getattr(type_, "__name__", str(type_))
    return f"{name}[{', '.join(map(type_name, arguments))}]" if arguments else name


@require_POST
def refresh_view(request: HttpRequest, context: dict[str, Any], name: str) -> HttpResponse:
    """Clear the family's values and reload those that a warmer keeps warm."""
    family = _family_or_404(name)
    try:
        cleared = clear.clear(clear.target(family=family.name), by=request.user.get_username())
    except StoreUnavailable as error:
        messages.error(request, f"{error} {PARTIAL_CLEAR}")
    else:
        report = warming.run(family=family.name, time_limit=REFRESH_TIME_LIMIT, max_wait=MAX_WAIT)
        _report_refresh(request, cleared.keys, report)
    return HttpResponseRedirect(reverse("admin:systemcache_cache_family", args=[family.name]))


def _report_refresh(request: HttpRequest, cleared: int, report: warming.Report) -> None:
    reads = len(report.warmed)
    summary = f"{cleared:,} cleared, {reads:,} read{'' if reads == 1 else 's'} reloaded."
    if report.failed:
        first = report.failed[0]
        messages.warning(request, f"{summary} {len(report.failed)} failed; {first.what or first.family}: {first.error}")
    elif report.left:
        messages.warning(request, f"{summary} Time ran out before {len(report.left)} more.")
    elif report.warmed:
        messages.success(request, summary)
    else:
        messages.success(request, f"{cleared:,} cleared; the next read of each value loads it.")
