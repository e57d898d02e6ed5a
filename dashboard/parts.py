"""Responses that are a part of a page for htmx, and otherwise a page of their own."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.access import is_htmx


def show(request: HttpRequest, part: str, page: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """Render the template `dashboard/partials/PART.html`, or `dashboard/PAGE.html`, which holds it."""
    template = f"dashboard/partials/{part}.html" if is_htmx(request) else f"dashboard/{page}.html"
    response = render(request, template, context, status=status)
    response["Vary"] = "HX-Request, Cookie"
    return response
