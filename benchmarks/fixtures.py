"""What the load tests start from: a token, 50 watched symbols, 50 cached holdings; the site and its rivals."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks import hits
from benchmarks.serving import granian, reference, uvicorn
from broker.simulator import Simulator, SimulatorOptions

HOLDINGS, WATCHLIST = "/api/broker/holdings", "/api/watchlist?active=all"
LASTING = {"CACHE_TTL_HOLDINGS": "86400", "CACHE_TTL_WATCHLIST": "86400"}
NOWHERE = "redis://127.0.0.1:1/0"


@dataclass(frozen=True)
class Ports:
    """Of servers with one worker each; `bare` is the site without Redis."""

    site: int
    bare: int
    reference: int
    fastapi: int


def prepare() -> str:
    """Make rows, and holdings as if the broker had sent them; return the token of a superuser."""
    from django.contrib.auth import get_user_model
    from django_redis import get_redis_connection

    from broker.cache_families import HOLDINGS as FAMILY
    from systemcache.fetching.fetch import fetch
    from systemcache.models import ApiToken
    from watchlist.models import WatchlistItem

    os.environ.update(LASTING)
    for number in range(hits.ROWS - WatchlistItem.objects.count()):
        WatchlistItem.objects.create(symbol=f"SHARE{number}")
    fetch(FAMILY, {}, lambda: [hits.holding(number) for number in range(hits.ROWS)], ttl=86_400)
    token = ApiToken.issue(get_user_model().objects.get(username="bench"), "crowd")
    redis = get_redis_connection("default")
    redis.set(f"baseline:Token {token}", "bench")
    redis.set("baseline:watchlist", _rows())
    return token


def _rows() -> bytes:
    from watchlist import selectors

    return selectors.watchlist(active="all", category="all").payload


@contextmanager
def servers() -> Iterator[Ports]:
    with ExitStack() as running:
        broker = running.enter_context(Simulator(SimulatorOptions(port=0, limits=False)))
        os.environ["IIFL_BASE_URL"] = broker.base_url
        yield Ports(
            site=running.enter_context(granian()),
            bare=running.enter_context(granian(REDIS_URL=NOWHERE)),
            reference=running.enter_context(reference("/plain")),
            fastapi=running.enter_context(uvicorn("benchmarks.fastapi_baseline:app")),
        )
