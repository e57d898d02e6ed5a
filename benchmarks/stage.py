"""What crowds find: a token, 50 watched symbols, 50 holdings in Redis; the site and the servers beside it."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks import hits
from benchmarks.serving import granian, uvicorn
from broker.simulator import Simulator, SimulatorOptions

HOLDINGS, WATCHLIST = "/api/broker/holdings", "/api/watchlist?active=all"
LASTING = {"CACHE_TTL_HOLDINGS": "86400", "CACHE_TTL_WATCHLIST": "86400"}
NOWHERE = "redis://127.0.0.1:1/0"
SITE = "tradingsite.wsgi:application"


@dataclass(frozen=True)
class Ports:
    """Of servers with one worker each; `bare` is the site without Redis."""

    site: int
    bare: int
    reference: int
    forerunner: int


def prepare() -> str:
    """Makes rows and holdings as if the broker had sent them; a token of a superuser's."""
    from django.contrib.auth import get_user_model
    from django_redis import get_redis_connection

    from broker.cache_families import HOLDINGS as FAMILY
    from systemcache.fetch import fetch
    from systemcache.models import ApiToken
    from watchlist.models import WatchlistItem

    os.environ.update(LASTING)
    for number in range(hits.ROWS - WatchlistItem.objects.count()):
        WatchlistItem.objects.create(symbol=f"SHARE{number}")
    fetch(FAMILY, {}, lambda: [hits.holding(number) for number in range(hits.ROWS)], ttl=86_400)
    token = ApiToken.issue(get_user_model().objects.get(username="bench"), "crowd")
    redis = get_redis_connection("default")
    redis.set(f"forerunner:Token {token}", "bench")
    redis.set("forerunner:watchlist", _rows())
    return token


def _rows() -> bytes:
    from watchlist import reads

    return reads.watchlist(active="all", category="all").payload


@contextmanager
def servers() -> Iterator[Ports]:
    with ExitStack() as running:
        broker = running.enter_context(Simulator(SimulatorOptions(port=0, limits=False)))
        os.environ["IIFL_BASE_URL"] = broker.base_url
        django = {"DJANGO_SETTINGS_MODULE": "benchmarks.reference_settings"}
        yield Ports(
            site=running.enter_context(granian(SITE)),
            bare=running.enter_context(granian(SITE, REDIS_URL=NOWHERE)),
            reference=running.enter_context(granian("benchmarks.reference:application", **django)),
            forerunner=running.enter_context(uvicorn("benchmarks.forerunner:app")),
        )
