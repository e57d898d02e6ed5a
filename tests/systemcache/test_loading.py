"""So many loads at once and no more: hits are answered while the sources keep their callers waiting."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal

import pytest
from pytest_django.fixtures import Settings

from systemcache.errors import TooManyLoads
from systemcache.fetching.fetch import fetch
from systemcache.rate_limit import owner
from tests.support.source import SlowSource
from tests.systemcache.samples import CHOSEN, NEAR, PRICE, Price
from testservers.redis_server import RedisServer

pytestmark = pytest.mark.usefixtures("redis_store")
MOST = 2


@pytest.fixture
def source() -> Iterator[SlowSource]:
    source = SlowSource(Price("A", Decimal(1)))
    yield source
    source.answers.set()


@pytest.fixture
def full(settings: Settings, source: SlowSource) -> Iterator[list[Future[Price]]]:
    """All places are taken by loads that wait for their source."""
    settings.CACHE_MAX_LOADS = MOST
    with ThreadPoolExecutor(MOST + 5) as pool:
        loads = [pool.submit(read, f"SLOW{number}", source) for number in range(MOST)]
        for _ in loads:
            source.asked.acquire(timeout=10)
        yield loads
        source.answers.set()


def read(symbol: str, source: SlowSource) -> Price:
    return fetch(PRICE, {"symbol": symbol}, source).value


def test_one_load_more_is_refused_with_the_time_to_try_again(full: list[Future[Price]], source: SlowSource) -> None:
    with pytest.raises(TooManyLoads) as refused:
        read("MORE", source)
    assert (refused.value.status_code, refused.value.retry_after) == (503, 1)
    source.answers.set()
    assert [load.result(10).amount for load in full] == [1, 1]
    assert read("MORE", source).amount == 1  # at once: a refusal is no failure of the source


def test_hits_are_answered(settings: Settings, redis_store: RedisServer, source: SlowSource) -> None:
    assert fetch(NEAR, {"which": "a"}, lambda: 7).value == 7
    settings.CACHE_MAX_LOADS = 0
    assert fetch(NEAR, {"which": "a"}, lambda: 8).state == "hit"


def test_who_wants_what_is_being_loaded_waits_for_it(full: list[Future[Price]], source: SlowSource) -> None:
    with ThreadPoolExecutor(3) as pool:
        joined = [pool.submit(read, "SLOW0", source) for _ in range(3)]
        source.answers.set()
        assert [load.result(10).amount for load in joined] == [1, 1, 1]


def test_a_load_inside_a_load_takes_no_further_place(settings: Settings) -> None:
    settings.CACHE_MAX_LOADS = 1
    outer = fetch(CHOSEN, {"kind": "a"}, lambda: [fetch(NEAR, {"which": "inner"}, lambda: 7).value])
    assert outer.value == [7]


def test_an_old_value_is_shown_instead_of_a_refusal(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CACHE_STALE = {**settings.CACHE_STALE, NEAR.name: 600}
    fetch(NEAR, {"which": "a"}, lambda: 7)
    monkeypatch.setattr("systemcache.cached_value.CachedValue.age_seconds", lambda _: 61.0)
    settings.CACHE_MAX_LOADS = 0
    assert (fetch(NEAR, {"which": "a"}, lambda: 8).state, fetch(NEAR, {"which": "a"}, lambda: 8).value) == ("stale", 7)


def test_one_user_leaves_some_loads_to_the_others(settings: Settings, source: SlowSource) -> None:
    settings.CACHE_MAX_LOADS = 4

    def read_for(name: str, symbol: str) -> Price:
        with owner.working_for(lambda: name):
            return read(symbol, source)

    with ThreadPoolExecutor(5) as pool:
        loads = [pool.submit(read_for, "ann", f"SLOW{number}") for number in range(3)]
        for _ in loads:
            source.asked.acquire(timeout=10)
        with pytest.raises(TooManyLoads):
            read_for("ann", "SLOW3")
        loads.append(pool.submit(read_for, "bob", "SLOW3"))
        assert source.asked.acquire(timeout=10)
        source.answers.set()
        assert [load.result(10).amount for load in loads] == [1, 1, 1, 1]
