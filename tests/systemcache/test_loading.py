"""So many loads at once and no more: hits are answered while the sources keep their callers waiting."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal

import pytest
from pytest_django.fixtures import Settings

from systemcache.errors import TooManyLoads
from systemcache.fetch import fetch
from tests.servers.redis_server import RedisServer
from tests.systemcache.samples import CHOSEN, NEAR, PRICE, Price

pytestmark = pytest.mark.usefixtures("redis_store")
MOST = 2


class Source:
    """Answers when the test lets it."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.answers = threading.Event()

    def __call__(self) -> Price:
        self.asked.release()
        assert self.answers.wait(10)
        return Price("A", Decimal(1))


@pytest.fixture
def source() -> Iterator[Source]:
    source = Source()
    yield source
    source.answers.set()


@pytest.fixture
def full(settings: Settings, source: Source) -> Iterator[list[Future[Price]]]:
    """All places are taken by loads that wait for their source."""
    settings.CACHE_LOADS = MOST
    with ThreadPoolExecutor(MOST + 5) as pool:
        loads = [pool.submit(read, f"SLOW{number}", source) for number in range(MOST)]
        for _ in loads:
            source.asked.acquire(timeout=10)
        yield loads
        source.answers.set()


def read(symbol: str, source: Source) -> Price:
    return fetch(PRICE, {"symbol": symbol}, source).value


def test_one_load_more_is_refused_and_told_when_to_come_again(full: list[Future[Price]], source: Source) -> None:
    with pytest.raises(TooManyLoads) as refused:
        read("MORE", source)
    assert (refused.value.status_code, refused.value.retry_after) == (503, 1)
    source.answers.set()
    assert [load.result(10).amount for load in full] == [1, 1]
    assert read("MORE", source).amount == 1  # at once: a refusal is no failure of the source


def test_hits_are_answered(settings: Settings, redis_store: RedisServer, source: Source) -> None:
    assert fetch(NEAR, {"which": "a"}, lambda: 7).value == 7
    settings.CACHE_LOADS = 0
    assert fetch(NEAR, {"which": "a"}, lambda: 8).state == "hit"


def test_who_wants_what_is_being_loaded_waits_for_it(full: list[Future[Price]], source: Source) -> None:
    with ThreadPoolExecutor(3) as pool:
        joined = [pool.submit(read, "SLOW0", source) for _ in range(3)]
        source.answers.set()
        assert [load.result(10).amount for load in joined] == [1, 1, 1]


def test_a_load_inside_a_load_takes_no_further_place(settings: Settings) -> None:
    settings.CACHE_LOADS = 1
    outer = fetch(CHOSEN, {"kind": "a"}, lambda: [fetch(NEAR, {"which": "inner"}, lambda: 7).value])
    assert outer.value == [7]


def test_an_old_value_is_shown_instead_of_a_refusal(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CACHE_STALE = {**settings.CACHE_STALE, NEAR.name: 600}
    fetch(NEAR, {"which": "a"}, lambda: 7)
    monkeypatch.setattr("systemcache.fetched.Fetched.seconds_old", lambda _: 61.0)
    settings.CACHE_LOADS = 0
    assert (fetch(NEAR, {"which": "a"}, lambda: 8).state, fetch(NEAR, {"which": "a"}, lambda: 8).value) == ("stale", 7)
