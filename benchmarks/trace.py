"""A real cache trace: the hit rate with room for a tenth of its keys beside an exact LRU's, and its requests over HTTP.

For the hit rate it is replayed at a steady pace: Redis tells ages by the second, and evicts at random where all its
memory is used anew within a few of them; plain GET and SET lose 4 points so, at 7,000 requests a second.

Over HTTP the same pages are kept by a family, by cacheops and by Django's cache_page, each on a Redis of its own.
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
from benchmarks.serving import crowd, granian
from systemcache import families, scanning
from systemcache.families import Family
from systemcache.fetch import fetch
from tests.servers.redis_server import RedisServer

ROOM = 2_000_000  # bytes beside what an empty Redis takes: about a tenth of the keys
MOST_APART = 2.0  # points of the hit rate
USERS, PACE = 20, 2_000  # PACE: requests a second
WAYS = {"family": "a family", "cacheops": "cacheops", "cache_page": "Django's cache_page"}


def run() -> dict[str, object]:
    asked = trace_pages.asked()
    if not asked:
        return {}
    rate, exact = _hit_rates(asked)
    return {"hit_rate": rate, "lru": exact, "over_http": {way: _over_http(way, asked) for way in WAYS}}


def _hit_rates(asked: list[int]) -> tuple[float, float]:
    with _family() as family, _limited() as redis:
        hits = sum(fetch(family, {"page": key}, lambda: trace_pages.PAYLOAD).state == "hit" for key in _paced(asked))
        kept = sum(len(page) for page in scanning.scan("bench:page:*"))
        evicted = int(redis.info("stats")["evicted_keys"])
    here, exact = 100 * hits / len(asked), 100 * lru(asked, kept) / len(asked)
    verdict = "holds" if abs(here - exact) <= MOST_APART else "DOES NOT HOLD"
    print(f"trace of {len(asked):,} requests over {len(set(asked)):,} keys, room for {kept:,}, {evicted:,} evicted:")
    print(
        f"hit rate {here:.1f} %, an exact LRU of that many {exact:.1f} %, wanted within {MOST_APART} points: {verdict}"
    )
    return here, exact


def _paced(asked: list[int]) -> Iterator[int]:
    started = perf_counter()
    for number, key in enumerate(asked):
        early = started + number / PACE - perf_counter()
        if early > 0:
            sleep(early)
        yield key


def lru(asked: list[int], room: int) -> int:
    """How many of the requests an exact LRU of so many entries answers."""
    kept: OrderedDict[int, None] = OrderedDict()
    hits = 0
    for key in asked:
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
        families.forget(family)
        settings.CACHE_TTLS = ttls


@contextmanager
def _limited() -> Iterator[Any]:
    redis: Any = get_redis_connection("default")
    _limit(redis)
    try:
        yield redis
    finally:
        redis.config_set("maxmemory", 0)
        scanning.delete_matching("bench:page:*")


def _limit(redis: Any) -> None:
    used = int(redis.info("memory")["used_memory"])
    redis.config_set("maxmemory-policy", "allkeys-lru")
    redis.config_set("maxmemory", used + ROOM)
    redis.config_resetstat()


def _over_http(way: str, asked: list[int]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder) / "redis") as redis:
        paths = Path(folder) / "paths"
        paths.write_text("\n".join(f"/trace/{way}/{page}" for page in asked))
        variables = {"DJANGO_SETTINGS_MODULE": "benchmarks.reference_settings", "REDIS_URL": redis.url}
        with granian("benchmarks.reference:application", **variables) as port:
            crowd(port, "-", f"/trace/{way}/0", connections=USERS, seconds=0.5)  # connected, before memory is measured
            before = _loads(port, way)
            _limit(Redis.from_url(redis.url))
            found = crowd(port, "-", f"once:{paths}", connections=USERS, seconds=600)
            hits = 100 * (1 - (_loads(port, way) - before) / len(asked))
    print(f"over HTTP, {USERS} users, kept by {WAYS[way]:20} {found.per_second:>6.0f} requests a second,", end=" ")
    print(f"p99 {found.p99:.1f} ms, hit rate {hits:.1f} %, {found.failures} failed")
    return {"per_second": found.per_second, "p99": found.p99, "hit_rate": hits}


def _loads(port: int, way: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", f"/loads/{way}")
    return int(connection.getresponse().read())
