"""In process: a hit beside django-redis's plain `cache.get` of the same payload, and what a miss adds to its loader."""

import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.core.cache import cache
from django.core.management import call_command
from django_redis import get_redis_connection

from benchmarks.targets import Targets
from benchmarks.timing import Row, alternated, show
from broker.cache_families import HOLDINGS
from broker.values import Holding
from systemcache.families import Family
from systemcache.fetching.fetch import fetch
from systemcache.fetching.hits import get_hit
from systemcache.fetching.read import entry_ref
from systemcache.local import near_cache
from systemcache.storage import key_names, scan

ROWS = 50


def holding(number: int) -> Holding:
    name = f"SHARE{number}"
    return Holding(
        isin=f"INE{number:09}",
        symbol=name,
        trading_symbol=f"{name}-EQ",
        exchange="NSEEQ",
        instrument_id=str(number),
        nse_instrument_id=str(number),
        bse_instrument_id=str(500_000 + number),
        name=f"{name} LIMITED",
        product="DELIVERY",
        quantity=100 + number,
        dp_quantity=100 + number,
        t1_quantity=0,
        collateral_quantity=0,
        authorized_quantity=0,
        average_price=Decimal("1234.55"),
        previous_close=None,
    )


BARE = "bare redis-py GET of the same bytes"
NEAR = f"near hit, {ROWS} holdings"
FAR = "hit from Redis, bytes as they are"
TYPED = f"hit from Redis, {ROWS} holdings, decoded"
PLAIN = "django-redis cache.get of the same payload"
LOADER, MISS = "the loader alone, after a delete", "miss: loader, lease, store, after a delete"


def run(targets: Targets) -> list[Row]:
    found = rows()
    show(found)
    judge(found, targets)
    call_command("benchcache")
    return found


def rows() -> list[Row]:
    book = [holding(number) for number in range(ROWS)]
    for _ in range(3):  # loaded, read, and read again when the echo of its storing has passed
        fetch(HOLDINGS, {}, lambda: book)
        time.sleep(0.2)
    cache.set("plain", fetch(HOLDINGS, {}, lambda: book).payload.decode(), 600)
    far = replace(HOLDINGS, near=False)
    ref = entry_ref(far, {})
    found = alternated(
        {
            BARE: bare_get(),
            NEAR: lambda: fetch(HOLDINGS, {}, lambda: book),
            FAR: lambda: get_hit(far, ref),
            TYPED: lambda: decoded(far, book),
            PLAIN: lambda: cache.get("plain"),
        }
    )
    return found + alternated({LOADER: forgetting(lambda: book), MISS: miss_of(book)}, 300)


def decoded(family: Family[list[Holding]], book: list[Holding]) -> list[Holding]:
    """As if these bytes were seen for the first time."""
    near_cache.copies.clear()
    return fetch(family, {}, lambda: book).value


def judge(rows: list[Row], targets: Targets) -> None:
    by_name = {row.name: row.median for row in rows}
    print(f"\nA miss adds {by_name[MISS] - by_name[LOADER]:.0f} µs to its loader.")
    targets.at_most("a near hit / a bare GET", by_name[NEAR] / by_name[BARE], 0.15)
    targets.at_most("a hit from Redis / a bare GET", by_name[FAR] / by_name[BARE], 1.75)
    targets.at_most("a hit from Redis / cache.get", by_name[FAR] / by_name[PLAIN], 1.0)
    print()


def bare_get() -> Callable[[], Any]:
    redis = get_redis_connection("default")
    name = key_names.full_key("api:holdings")
    return lambda: redis.get(name)


def miss_of(book: list[Holding]) -> Callable[[], Any]:
    return forgetting(lambda: fetch(HOLDINGS, {}, lambda: book))


def forgetting(call: Callable[[], Any]) -> Callable[[], Any]:
    def forget_and_call() -> Any:
        scan.delete(["api:holdings"])
        return call()

    return forget_and_call
