"""Values from their source for callers who ask: one load, at most one a second, and nothing lost if it fails."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
from redis import Redis

from systemcache import families
from systemcache.cached_value import CachedValue
from systemcache.families import Family
from systemcache.fetching import refresh
from systemcache.fetching.fetch import fetch
from systemcache.fetching.fetch_many import fetch_many
from tests.support.source import SlowSource, Source
from tests.systemcache.samples import CHOSEN
from testservers.redis_server import RedisServer

BOOK = Family("sample_book", "sample:book:{which}", int, refreshable=True)
pytestmark = pytest.mark.usefixtures("redis")


class SourceFailed(Exception):
    """The source is at fault: it has no 4xx status."""


@pytest.fixture(autouse=True)
def book(samples: None, settings: object) -> Iterator[None]:
    settings.CACHE_TTLS |= {BOOK.name: 60}  # type: ignore[attr-defined]
    families.register(BOOK)
    yield
    families.unregister(BOOK)


def read(source: object, which: str = "a") -> CachedValue[int]:
    return fetch(BOOK, {"which": which}, source)  # type: ignore[arg-type]


def read_from_source(source: object, which: str = "a") -> CachedValue[int]:
    with refresh.from_source():
        return read(source, which)


def test_who_asks_for_the_source_gets_its_value_and_everybody_afterwards() -> None:
    assert read(Source(1)).value == 1
    assert read(Source(2)).value == 1
    assert (read_from_source(Source(3)).value, read(Source(4)).value) == (3, 3)


def test_a_family_that_is_not_refreshable_is_read_as_always() -> None:
    fetch(CHOSEN, {"kind": "a"}, lambda: [1])
    with refresh.from_source():
        assert fetch(CHOSEN, {"kind": "a"}, lambda: [2]).value == [1]


def test_within_a_second_one_value_of_a_family_is_refreshed_once() -> None:
    read(Source(1))
    read(Source(1), "b")
    source = Source(2)
    assert [read_from_source(source).state for _ in range(3)] == ["miss", "hit", "hit"]
    assert read_from_source(Source(3), "b").value == 1
    assert source.calls == 1


def test_after_a_second_it_is_refreshed_again(redis: Redis) -> None:
    read_from_source(Source(1))
    (claim,) = redis.keys("refresh:*")
    assert 0 < redis.pttl(claim) <= 1000
    redis.delete(claim)  # its second is over
    assert read_from_source(Source(2)).value == 2


def test_all_who_ask_at_once_share_one_load() -> None:
    read(Source(1))
    source = SlowSource(2)
    with ThreadPoolExecutor(20) as pool:
        found = [pool.submit(copy_context().run, read_from_source, source) for _ in range(20)]
        assert source.asked.acquire(timeout=60)
        assert read(Source(3)).value == 1  # who does not ask waits for nobody
        source.answers.set()
        assert [future.result(60).value for future in found] == [2] * 20
    assert not source.asked.acquire(blocking=False)


def test_a_load_that_began_before_the_request_is_not_enough() -> None:
    """The one who asks waits for its end, and then loads."""
    before = SlowSource(1)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(read, before)
        assert before.asked.acquire(timeout=60)
        asks = threading.Event()

        def ask() -> CachedValue[int]:
            asks.set()
            return read_from_source(Source(2))

        second = pool.submit(ask)
        assert asks.wait(60)
        before.answers.set()
        assert (first.result(60).value, second.result(60).value) == (1, 2)


def test_if_the_source_fails_what_was_fresh_stays_fresh() -> None:
    read(Source(1))
    value = read_from_source(Source(SourceFailed()))
    assert (value.value, value.state, value.stale) == (1, "hit", False)
    assert read(Source(2)).value == 1


def test_without_a_value_the_sources_error_is_raised() -> None:
    with pytest.raises(SourceFailed):
        read_from_source(Source(SourceFailed()))


def test_values_that_are_read_together_are_refreshed_together() -> None:
    wanted: list[dict[str, str | int]] = [{"which": "a"}, {"which": "b"}]
    fetch_many(BOOK, wanted, lambda missing: [1 for _ in missing])
    calls: list[int] = []

    def load(missing: list[dict[str, str | int]]) -> list[int]:
        calls.append(len(missing))
        return [2 for _ in missing]

    with refresh.from_source():
        for _ in range(2):
            found = fetch_many(BOOK, wanted, load)  # type: ignore[arg-type]
            assert [value and value.value for value in found] == [2, 2]
    assert calls == [2]


def test_without_redis_it_is_read_as_always(redis_store: RedisServer) -> None:
    read(Source(1))
    redis_store.kill()
    try:
        assert read_from_source(Source(2)).value == 2
    finally:
        redis_store.restart(empty=True)
