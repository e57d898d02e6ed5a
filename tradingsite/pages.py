"""The status page and the API's index."""

from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from broker import gateway
from broker.cache_families import VIEW_ACCOUNT
from systemcache.errors import StoreUnavailable, TooManyLoads
from systemcache.operations.health import database_is_up
from systemcache.per_view.openapi import OBJECT
from systemcache.per_view.validation import StrictView
from systemcache.storage import totals

INDEX = {
    "watchlist": "watchlist-list",
    "signals": "signals-list",
    "settings": "settings",
    "alerts": "alerts-list",
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
    "trading": "trading-switch",
    "health": "health",
    "schema": "schema",
    "docs": "docs",
}
EXAMPLES = {
    "candles": "?symbol=RELIANCE&interval=1d&from=2021-12-01&to=2021-12-31",
    "quotes": "?symbols=RELIANCE,INFY",
}


class ApiIndex(StrictView):
    """The addresses of everything else."""

    name = "API"

    @extend_schema(responses={200: OBJECT}, tags=["index"])
    def get(self, request: Request) -> Response:
        index = {name: reverse(view, request=request) for name, view in INDEX.items()}
        index |= {name: reverse(name, request=request) + example for name, example in EXAMPLES.items()}
        index["contracts"] = reverse("contracts", args=["NSEEQ"], request=request) + "?search=RELIANCE"
        return Response(dict(sorted(index.items())))


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the site that is up or down; `detail` says what to do, and is shown only to staff."""

    name: str
    kind: str
    up: bool
    detail: str = ""


def status(request: HttpRequest) -> HttpResponse:
    """Show everybody what is up: users who cannot log in can still see why."""
    parts = [_broker(request), _database(), _cache()]
    return render(request, "tradingsite/status.html", {"parts": parts, "version": settings.VERSION})


def _broker(request: HttpRequest) -> Part:
    """The client id is also the user name at the broker, so only users who may view the account see it."""
    account = f", account {settings.IIFL_CLIENT_ID}" if request.user.has_perm(VIEW_ACCOUNT) else ""
    kind = _simulator() if settings.IIFL_SIMULATED else f"IIFL Capital{account}"
    try:
        status = gateway.status()
    except TooManyLoads as error:  # too many requests already wait for the broker
        return Part("Broker", kind, False, str(error))
    return Part("Broker", kind, status.up, status.detail)


def _simulator() -> str:
    replays = settings.SIMULATOR_CLOCK == "replay"
    return "the simulator, which repeats the last session while the market is closed" if replays else "the simulator"


def _database() -> Part:
    return Part("Database", connection.display_name, database_is_up(), "See DATABASE_URL.")


def _cache() -> Part:
    try:
        totals.info()
    except StoreUnavailable as error:
        return Part("Cache", "Redis", False, f"{error} Answers come from their sources.")
    return Part("Cache", "Redis", True)
