"""A real cache trace (../shared/data/traces) through the cache, with room for a tenth of its keys, beside an LRU."""

import lzma
import struct
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from django.conf import settings
from django_redis import get_redis_connection

from systemcache import families, scanning
from systemcache.families import Family
from systemcache.fetch import fetch

TRACE = Path(settings.BASE_DIR).parent / "shared" / "data" / "traces" / "cache2k_web12.trace.xz"
PAYLOAD = "x" * 1_000
ROOM = 2_000_000  # bytes beside what an empty Redis takes: about a tenth of the keys
MOST_APART = 2.0  # points of the hit rate


def show() -> dict[str, float]:
    if not TRACE.is_file():
        print(f"the trace is left out: {TRACE.name} is not beside the project")
        return {}
    asked = [key for (key,) in struct.iter_unpack(">i", lzma.decompress(TRACE.read_bytes()))]
    with _family() as family, _limited() as redis:
        started = perf_counter()
        hits = sum(fetch(family, {"page": key}, lambda: PAYLOAD).state == "hit" for key in asked)
        seconds = perf_counter() - started
        kept = sum(len(page) for page in scanning.scan("bench:page:*"))
        evicted = int(redis.info("stats")["evicted_keys"])
    here, exact = 100 * hits / len(asked), 100 * lru(asked, kept) / len(asked)
    verdict = "holds" if abs(here - exact) <= MOST_APART else "DOES NOT HOLD"
    print(f"trace of {len(asked):,} requests over {len(set(asked)):,} keys, room for {kept:,}, {evicted:,} evicted:")
    print(
        f"hit rate {here:.1f} %, an exact LRU of that many {exact:.1f} %, wanted within {MOST_APART} points: {verdict}"
    )
    print(f"{len(asked) / seconds:,.0f} requests a second in one thread")
    return {"hit_rate": here, "lru": exact, "per_second": len(asked) / seconds}


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
    family = Family("bench_page", "bench:page:{page}", str)
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
    used = int(redis.info("memory")["used_memory"])
    redis.config_set("maxmemory-policy", "allkeys-lru")
    redis.config_set("maxmemory", used + ROOM)
    redis.config_resetstat()
    try:
        yield redis
    finally:
        redis.config_set("maxmemory", 0)
        scanning.delete_matching("bench:page:*")
