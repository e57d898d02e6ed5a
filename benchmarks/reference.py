"""What the site is measured beside, on the same rows: views without a site around them, and the forerunner's shape.

A Django project of its own: `DJANGO_SETTINGS_MODULE=benchmarks.reference_settings`, served by Granian as the site is.
"""

from functools import cache
from typing import Any

import msgspec
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.cache import cache_page

application = get_wsgi_application()

from watchlist.models import WatchlistItem  # noqa: E402 - needs Django
from watchlist.rows import WatchlistRow  # noqa: E402 - likewise


def rows() -> list[dict[str, object]]:
    return [msgspec.to_builtins(WatchlistRow.of(item)) for item in WatchlistItem.objects.shown("all", "all")]


@cache
def body() -> bytes:
    return JsonResponse(rows(), safe=False).content


def plain(request: HttpRequest) -> HttpResponse:
    """Fixed bytes: what Django and the server cost, and nothing else."""
    return HttpResponse(body(), content_type="application/json", headers={"Content-Length": str(len(body()))})


@cache_page(600)
def paged(request: HttpRequest) -> HttpResponse:
    return _measurable(JsonResponse(rows(), safe=False))


def _measurable(response: HttpResponse) -> HttpResponse:
    response["Content-Length"] = str(len(response.content))
    return response


def with_cacheops(request: HttpRequest) -> HttpResponse:
    return _measurable(JsonResponse(kept_by_cacheops()(), safe=False))


@cache
def kept_by_cacheops() -> Any:
    from cacheops import cached_as

    return cached_as(WatchlistItem, timeout=600)(rows)


urlpatterns = [path("plain", plain), path("cache_page", paged), path("cacheops", with_cacheops)]
