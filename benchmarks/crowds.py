"""Hits over HTTP: the site beside a view of fixed bytes, Django's and cacheops' caches, and the forerunner's shape.

One worker each, 20 connections, 50 rows, in rounds that take turns; then 100 users while the broker is slow.
"""

import os
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks import hits
from benchmarks.serving import Crowd, crowd, granian, start_crowd, told, uvicorn
from broker.simulator import Simulator, SimulatorOptions

ROUNDS, SECONDS = 5, 3.0
HOLDINGS, WATCHLIST = "/api/broker/holdings", "/api/watchlist?active=all"
CEILING, FORERUNNER = "a plain view, fixed bytes", "FastAPI + redis.asyncio"
NEAR, TRIP = "holdings: near copy", "watchlist: one round trip"
LASTING = {"CACHE_TTL_HOLDINGS": "86400", "CACHE_TTL_WATCHLIST": "86400"}
SLOW, BUSY = 300, 80  # milliseconds that the slow broker takes; connections that ask for what is not there
WANTED = {  # what must hold: a subject, at least so many times another
    (NEAR, FORERUNNER): 4.0,
    (NEAR, CEILING): 0.6,
    (TRIP, FORERUNNER): 2.2,
}


@dataclass(frozen=True)
class Subject:
    name: str
    port: int
    path: str


@dataclass(frozen=True)
class Row:
    """Answers a second: the median of the rounds, the lowest and the highest; milliseconds."""

    name: str
    per_second: float
    low: float
    high: float
    p50: float
    p99: float
    failures: int


def show() -> dict[str, object]:
    token = _prepare()
    rows = _measured(token)
    _print(rows)
    slow = _while_the_broker_is_slow(token)
    return {"rows": [vars(row) for row in rows], "slow_broker": slow}


def _prepare() -> str:
    """A token; 50 rows on the watchlist, and as many holdings in Redis as if the broker had sent them."""
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
def _subjects() -> Iterator[list[Subject]]:
    with ExitStack() as running:
        broker = running.enter_context(Simulator(SimulatorOptions(port=0, limits=False)))
        os.environ["IIFL_BASE_URL"] = broker.base_url
        site = running.enter_context(granian("tradingsite.wsgi:application"))
        bare = running.enter_context(granian("tradingsite.wsgi:application", REDIS_URL="redis://127.0.0.1:1/0"))
        django = {"DJANGO_SETTINGS_MODULE": "benchmarks.reference_settings"}
        reference = running.enter_context(granian("benchmarks.reference:application", **django))
        forerunner = running.enter_context(uvicorn("benchmarks.forerunner:app"))
        yield [
            Subject(CEILING, reference, "/plain"),
            Subject(NEAR, site, HOLDINGS),
            Subject(TRIP, site, WATCHLIST),
            Subject(FORERUNNER, forerunner, "/api/watchlist"),
            Subject("Django + cache_page, no authentication", reference, "/cache_page"),
            Subject("Django + cacheops, no authentication", reference, "/cacheops"),
            Subject("watchlist without a cache", bare, WATCHLIST),
        ]


def _measured(token: str) -> list[Row]:
    seen: dict[str, list[Crowd]] = {}
    with _subjects() as subjects:
        for subject in subjects:
            crowd(subject.port, token, subject.path, seconds=1.0)  # warm
        for _ in range(ROUNDS):
            for subject in subjects:
                seen.setdefault(subject.name, []).append(crowd(subject.port, token, subject.path, seconds=SECONDS))
    return [_row(name, crowds) for name, crowds in seen.items()]


def _row(name: str, crowds: list[Crowd]) -> Row:
    rates = [found.per_second for found in crowds]
    return Row(
        name,
        statistics.median(rates),
        min(rates),
        max(rates),
        statistics.median(found.p50 for found in crowds),
        statistics.median(found.p99 for found in crowds),
        sum(found.failures for found in crowds),
    )


def _print(rows: list[Row]) -> None:
    by_name = {row.name: row.per_second for row in rows}
    ceiling, forerunner = by_name[CEILING], by_name[FORERUNNER]
    print(f"{'20 connections, one worker':40}{'per second':>12}{'low':>8}{'high':>8}{'p50 ms':>8}{'p99 ms':>8}", end="")
    print(f"{'/ plain':>9}{'/ FastAPI':>11}")
    for row in rows:
        figures = f"{row.per_second:>12.0f}{row.low:>8.0f}{row.high:>8.0f}{row.p50:>8.2f}{row.p99:>8.2f}"
        ratios = f"{row.per_second / ceiling:>9.2f}{row.per_second / forerunner:>11.2f}"
        failed = f"   {row.failures} failed" if row.failures else ""
        print(f"{row.name:40}{figures}{ratios}{failed}")
    for (name, other), wanted in WANTED.items():
        found = by_name[name] / by_name[other]
        print(f"{name} / {other}: {found:.2f}, wanted {wanted}: {'holds' if found >= wanted else 'DOES NOT HOLD'}")


def _while_the_broker_is_slow(token: str) -> dict[str, float]:
    """p99 of hits by 20 callers alone, and while 80 others wait for what a slow broker has to be asked for."""
    options = SimulatorOptions(port=0, limits=False, latency=SLOW)
    with Simulator(options) as broker, granian("tradingsite.wsgi:application", IIFL_BASE_URL=broker.base_url) as port:
        crowd(port, token, HOLDINGS, seconds=2.0)
        alone = crowd(port, token, HOLDINGS, seconds=5.0)
        missing = [f"/api/broker/orders/{number}" for number in range(100_000, 104_000)]
        others = start_crowd(port, token, *missing, connections=BUSY, seconds=8.0)
        beside = crowd(port, token, HOLDINGS, seconds=5.0)
        told(others)
    times = beside.p99 / alone.p99
    print(f"\nhits of 20 users, p99: {alone.p99:.2f} ms; while {BUSY} others wait for a broker of {SLOW} ms:", end=" ")
    print(f"{beside.p99:.2f} ms, {times:.1f} times, wanted 5 at the most; {beside.failures} failed")
    return {"alone_p99": alone.p99, "beside_p99": beside.p99, "times": times}
