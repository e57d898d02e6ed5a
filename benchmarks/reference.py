"""What the site is measured beside, on the same rows: views without a site around them.

A Django project of its own: `DJANGO_SETTINGS_MODULE=benchmarks.reference_settings`, served by Granian as the site is.
"""

import json
from collections import Counter
from functools import cache
from typing import Any

import msgspec
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.cache import cache_page

application = get_wsgi_application()

from benchmarks.trace_pages import PAYLOAD, family
from systemcache import families
from systemcache.fetching import fetch
from watchlist.models import WatchlistItem
from watchlist.schemas import WatchlistItemSchema

KEPT = 600  # seconds
loads: Counter[str] = Counter()
page_family = family()
families.register(page_family)


def measurable(body: bytes) -> HttpResponse:
    return HttpResponse(body, content_type="application/json", headers={"Content-Length": str(len(body))})


# --- the watchlist --------------------------------------------------------------------------------------------


def rows() -> list[dict[str, object]]:
    return [msgspec.to_builtins(WatchlistItemSchema.of(item)) for item in WatchlistItem.objects.matching("all", "all")]


@cache
def body() -> bytes:
    return JsonResponse(rows(), safe=False).content


def plain(request: HttpRequest) -> HttpResponse:
    """Fixed bytes: what Django and the server cost, and nothing else."""
    return measurable(body())


@cache_page(KEPT, cache="pages")
def paged(request: HttpRequest) -> HttpResponse:
    return measurable(JsonResponse(rows(), safe=False).content)


def with_cacheops(request: HttpRequest) -> HttpResponse:
    return measurable(JsonResponse(kept_by_cacheops()(), safe=False).content)


@cache
def kept_by_cacheops() -> Any:
    from cacheops import cached_as

    return cached_as(WatchlistItem, timeout=KEPT)(rows)


def write(request: HttpRequest, pk: int) -> HttpResponse:
    item = WatchlistItem.objects.get(pk=pk)
    item.notes = json.loads(request.body)["notes"]
    item.save()
    return measurable(b"{}")


# --- the pages of a trace -------------------------------------------------------------------------------------


def load_page(way: str) -> str:
    loads[way] += 1
    return PAYLOAD


def page_by_family(request: HttpRequest, page: int) -> HttpResponse:
    found = fetch.fetch(page_family, {"page": page}, lambda: load_page("family"))
    return measurable(found.payload)


@cache_page(KEPT, cache="pages")
def page_by_cache_page(request: HttpRequest, page: int) -> HttpResponse:
    return measurable(load_page("cache_page").encode())


def page_by_cacheops(request: HttpRequest, page: int) -> HttpResponse:
    from cacheops import cached

    return measurable(cached(timeout=KEPT, extra=page)(load_page)("cacheops").encode())


def loaded(request: HttpRequest, way: str) -> HttpResponse:
    return measurable(str(loads[way]).encode())


urlpatterns = [
    path("plain", plain),
    path("cache_page", paged),
    path("cacheops", with_cacheops),
    path("write/<int:pk>", write),
    path("trace/family/<int:page>", page_by_family),
    path("trace/cache_page/<int:page>", page_by_cache_page),
    path("trace/cacheops/<int:page>", page_by_cacheops),
    path("loads/<way>", loaded),
]
