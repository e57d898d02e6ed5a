"""In process: a hit beside django-redis's plain `cache.get` of the same payload, and what a miss adds to its loader."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.core.cache import cache
from django_redis import get_redis_connection

from benchmarks.timing import Row, alternated
from broker.cache_families import HOLDINGS
from broker.values import Holding
from systemcache import scanning, store
from systemcache.fetch import fetch

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


def rows() -> list[Row]:
    book = [holding(number) for number in range(ROWS)]
    fetch(HOLDINGS, {}, lambda: book)
    cache.set("plain", fetch(HOLDINGS, {}, lambda: book).payload.decode(), 600)
    bare, hit, get = alternated(
        {
            "bare redis-py GET of the same bytes": bare_get(),
            f"hit, {ROWS} holdings, typed": lambda: fetch(HOLDINGS, {}, lambda: book).value,
            "django-redis cache.get of the same payload": lambda: cache.get("plain"),
        }
    )
    loader, miss = alternated(
        {
            "the loader alone, after a delete": forgetting(lambda: book),
            "miss: loader, lease, store, after a delete": miss_of(book),
        },
        300,
    )
    return [bare, hit, get, loader, miss]


def bare_get() -> Callable[[], Any]:
    redis = get_redis_connection("default")
    name = store.full_key("api:holdings")
    return lambda: redis.get(name)


def miss_of(book: list[Holding]) -> Callable[[], Any]:
    return forgetting(lambda: fetch(HOLDINGS, {}, lambda: book))


def forgetting(call: Callable[[], Any]) -> Callable[[], Any]:
    def forget_and_call() -> Any:
        scanning.delete(["api:holdings"])
        return call()

    return forget_and_call
