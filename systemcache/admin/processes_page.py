"""The page of all processes: what each reports, and the state of what they share."""

from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from systemcache.admin import tables
from systemcache.operations import health, processes


@require_safe
def processes_view(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    rows = processes.rows()
    if file := tables.as_file(request, "processes", [_flat(row) for row in rows]):
        return file
    context |= {
        "title": "Processes",
        "rows": rows,
        "versions": sorted({row.version for row in rows if not row.silent}),
        "components": health.cache_health(),
    }
    return TemplateResponse(request, "admin/systemcache/cache/processes.html", context)


def _flat(row: processes.Row) -> dict[str, Any]:
    whole: dict[str, Any] = msgspec.to_builtins(row)
    return {**{name: value for name, value in whole.items() if name != "facts"}, **whole["facts"]}
