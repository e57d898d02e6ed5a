"""The front page and the API's index."""

from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from broker import gateway
from broker.permissions import ViewsAccount
from systemcache import tally
from systemcache.errors import StoreUnavailable, TooManyLoads
from systemcache.health import database_is_up
from systemcache.openapi import OBJECT

INDEX = {
    "watchlist": "watchlist-list",
    "signals": "signals-list",
    "settings": "settings",
    "holdings": "holdings",
    "positions": "positions",
    "margins": "margins",
    "orders": "orders",
    "trades": "trades",
    "profile": "profile",
    "portfolio_summary": "portfolio-summary",
    "portfolio_risk": "portfolio-risk",
    "cache_stats": "cache-stats",
    "cache_families": "cache-families",
    "cache_keys": "cache-keys",
    "health": "health",
    "schema": "schema",
    "docs": "docs",
}
EXAMPLES = {
    "candles": "?symbol=RELIANCE&interval=1d&from=2021-12-01&to=2021-12-31",
    "quotes": "?symbols=RELIANCE,INFY",
}


class ApiIndex(APIView):
    """Where everything is."""

    name = "API"

    @extend_schema(responses={200: OBJECT}, tags=["index"])
    def get(self, request: Request) -> Response:
        index = {name: reverse(view, request=request) for name, view in INDEX.items()}
        index |= {name: reverse(name, request=request) + example for name, example in EXAMPLES.items()}
        index["contracts"] = reverse("contracts", args=["NSEEQ"], request=request) + "?search=RELIANCE"
        return Response(dict(sorted(index.items())))


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the site that is up or not; `detail` says what to do, and is shown to staff alone."""

    name: str
    kind: str
    up: bool
    detail: str = ""


def home(request: HttpRequest) -> HttpResponse:
    parts = [_broker(request), _database(), _cache()]
    return render(request, "tradingsite/home.html", {"parts": parts, "version": settings.VERSION})


def _broker(request: HttpRequest) -> Part:
    """Its customers log in with the account's name: it is shown to those alone who may see the account."""
    account = f", account {settings.IIFL_CLIENT_ID}" if request.user.has_perm(ViewsAccount.needs) else ""
    kind = "the simulator" if settings.IIFL_SIMULATED else f"IIFL Capital{account}"
    try:
        status = gateway.status()
    except TooManyLoads as error:  # others wait for it already
        return Part("Broker", kind, False, str(error))
    return Part("Broker", kind, status.up, status.detail)


def _database() -> Part:
    return Part("Database", connection.display_name, database_is_up(), "See DATABASE_URL.")


def _cache() -> Part:
    try:
        tally.info()
    except StoreUnavailable as error:
        return Part("Cache", "Redis", False, f"{error} Answers come from their sources.")
    return Part("Cache", "Redis", True)
