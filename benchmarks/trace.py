"""A cache trace: the hit rate with room for a tenth of its keys beside an exact LRU's, and its requests over HTTP.

The hit rate is measured at a steady pace. Redis tells ages by the second, and evicts at random where all its memory is
replaced within a few of them: plain GET and SET lose 4 points in this way at 7,000 requests a second.

Over HTTP a family, cacheops and Django's cache_page keep the same pages, each on a Redis of its own.
"""

import http.client
import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

from django.conf import settings
from django_redis import get_redis_connection
from redis import Redis

from benchmarks import trace_pages
from benchmarks.serving import crowd, reference
from benchmarks.targets import Targets
from systemcache import families
from systemcache.families import Family
from systemcache.fetching.fetch import fetch
from systemcache.storage import scan
from testservers.redis_server import RedisServer

ROOM = 2_000_000  # bytes beside what an empty Redis takes: about a tenth of the keys
USERS, PACE = 20, 2_000  # PACE: requests a second
WAYS = {"family": "a family", "cacheops": "cacheops", "cache_page": "Django's cache_page"}


def run(targets: Targets) -> dict[str, object]:
    requests = trace_pages.requests()
    rate, exact = _hit_rates(requests)
    targets.at_most("points of the hit rate apart from an exact LRU's", abs(rate - exact), 2.0)
    return {"hit_rate": rate, "lru": exact, "over_http": {way: _over_http(way, requests) for way in WAYS}}


def _hit_rates(requests: list[int]) -> tuple[float, float]:
    with _family() as family, _limited() as redis:
        hits = sum(fetch(family, {"page": key}, lambda: trace_pages.PAYLOAD).state == "hit" for key in _paced(requests))
        kept = sum(len(page) for page in scan.scan("bench:page:*"))
        evicted = int(redis.info("stats")["evicted_keys"])
    here, exact = 100 * hits / len(requests), 100 * lru(requests, kept) / len(requests)
    print(
        f"trace of {len(requests):,} requests over {len(set(requests)):,} keys, room for {kept:,}, {evicted:,} evicted:"
    )
    print(f"hit rate {here:.1f} %, an exact LRU of that many {exact:.1f} %")
    return here, exact


def _paced(requests: list[int]) -> Iterator[int]:
    started = perf_counter()
    for number, key in enumerate(requests):
        early = started + number / PACE - perf_counter()
        if early > 0:
            sleep(early)
        yield key


def lru(requests: list[int], room: int) -> int:
    """How many of the requests an exact LRU of so many entries answers."""
    kept: OrderedDict[int, None] = OrderedDict()
    hits = 0
    for key in requests:
        if key in kept:
            hits += 1
            kept.move_to_end(key)
            continue
        kept[key] = None
        if len(kept) > room:
            kept.popitem(last=False)
    return hits


@contextmanager
def _family() -> Iterator[Family[str]]:
    family = trace_pages.family()
    ttls = settings.CACHE_TTLS
    settings.CACHE_TTLS = {**ttls, family.name: 3_600}
    families.register(family)
    try:
        yield family
    finally:
        families.unregister(family)
        settings.CACHE_TTLS = ttls


@contextmanager
def _limited() -> Iterator[Any]:
    redis: Any = get_redis_connection("default")
    _limit(redis)
    try:
        yield redis
    finally:
        redis.config_set("maxmemory", 0)
        scan.delete_matching("bench:page:*")


def _limit(redis: Any) -> None:
    used = int(redis.info("memory")["used_memory"])
    redis.config_set("maxmemory-policy", "allkeys-lru")
    redis.config_set("maxmemory", used + ROOM)
    redis.config_resetstat()


def _over_http(way: str, requests: list[int]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder) / "redis") as redis:
        paths = Path(folder) / "paths"
        paths.write_text("\n".join(f"/trace/{way}/{page}" for page in requests))
        with reference(f"/loads/{way}", REDIS_URL=redis.url) as port:
            crowd(port, "-", f"/trace/{way}/0", connections=USERS, seconds=0.5)  # connected, before memory is measured
            before = _loads(port, way)
            _limit(Redis.from_url(redis.url))
            found = crowd(port, "-", f"once:{paths}", connections=USERS, seconds=600)
            hits = 100 * (1 - (_loads(port, way) - before) / len(requests))
    print(f"over HTTP, {USERS} users, kept by {WAYS[way]:20} {found.per_second:>6.0f} requests a second,", end=" ")
    print(f"p99 {found.p99:.1f} ms, hit rate {hits:.1f} %, {found.failures} failed")
    return {"per_second": found.per_second, "p99": found.p99, "hit_rate": hits}


def _loads(port: int, way: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", f"/loads/{way}")
    return int(connection.getresponse().read())
