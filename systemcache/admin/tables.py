"""Tables of the cache's pages as files: ?format=csv for a spreadsheet, ?format=json for a program."""

import csv
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would compute what begins so


def as_file(request: HttpRequest, name: str, rows: Sequence[Mapping[str, Any]]) -> HttpResponse | None:
    """The rows in the format that the request asks for; None if it asks for the page."""
    wanted = request.GET.get("format")
    if wanted == "json":
        return HttpResponse(msgspec.json.encode(rows), content_type="application/json")
    if wanted != "csv":
        return None
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    writer = csv.writer(response)
    writer.writerow(rows[0].keys() if rows else ())
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return response


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
