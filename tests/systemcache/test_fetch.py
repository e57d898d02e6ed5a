"""Fetch-through on a real Redis: what is kept, for how long, and what never is."""

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, cast

import pytest
from pytest_django.fixtures import Settings
from redis import Redis

from systemcache import clock, codec, process_state
from systemcache.fetching import source
from systemcache.fetching.fetch import fetch
from systemcache.local import degraded
from systemcache.local.ttl_dict import TTLDict
from systemcache.storage.breaker import breaker
from tests.support.clock import Clock
from tests.support.source import Source
from tests.systemcache.samples import LIST, MAYBE, PRICE, Price
from testservers.redis_server import RedisServer

RELIANCE = Price("RELIANCE", Decimal("2368.10"))


def generations_of(redis: Redis) -> bytes:
    return codec.unpack(cast(bytes, redis.get("iifl:SIM0001:sample:price:RELIANCE"))).generations


def test_the_first_read_loads_and_the_second_comes_from_redis(redis: Redis) -> None:
    source = Source(RELIANCE)
    first = fetch(PRICE, {"symbol": "RELIANCE"}, source)
    second = fetch(PRICE, {"symbol": "RELIANCE"}, source)
    assert (first.state, second.state, source.calls) == ("miss", "hit", 1)
    assert first.value == second.value == RELIANCE
    assert first.created == second.created


def test_what_the_ttl_depends_on_is_asked_before_a_load_and_not_for_a_hit(redis: Redis) -> None:
    asked: list[int] = []
    source = Source(RELIANCE)

    def ttl() -> int:
        asked.append(source.calls)
        return 7

    for _ in range(2):
        found = fetch(PRICE, {"symbol": "RELIANCE"}, source, ttl_before=ttl)
    assert (asked, source.calls) == ([0], 1)
    assert found.ttl <= 7
    assert 0 < redis.pttl("iifl:SIM0001:sample:price:RELIANCE") <= 7_000


def test_the_key_is_the_documented_one_behind_the_sites_prefix_and_has_the_familys_ttl(redis: Redis) -> None:
    fetch(PRICE, {"symbol": "RELIANCE"}, Source(RELIANCE))
    assert redis.keys("iifl:*") == [b"iifl:SIM0001:sample:price:RELIANCE"]
    assert redis.ttl("iifl:SIM0001:sample:price:RELIANCE") == 60


def test_another_account_sees_nothing_of_the_former_ones(redis: Redis, settings: object) -> None:
    fetch(PRICE, {"symbol": "RELIANCE"}, Source(RELIANCE))
    settings.CACHE_PREFIX = "iifl:OTHER"  # type: ignore[attr-defined]
    assert fetch(PRICE, {"symbol": "RELIANCE"}, Source(RELIANCE)).state == "miss"


@pytest.mark.usefixtures("redis")
def test_money_and_its_digits_survive_the_round_trip() -> None:
    fetch(PRICE, {"symbol": "X"}, Source(Price("X", Decimal("1.10"))))
    value = fetch(PRICE, {"symbol": "X"}, Source(None)).value
    assert isinstance(value.amount, Decimal)
    assert str(value.amount) == "1.10"


@pytest.mark.usefixtures("redis")
def test_an_empty_list_is_a_hit() -> None:
    source = Source([])
    fetch(LIST, {}, source)
    assert fetch(LIST, {}, source).state == "hit"
    assert source.calls == 1


@pytest.mark.usefixtures("redis")
def test_none_is_a_hit() -> None:
    source = Source(None)
    fetch(MAYBE, {"which": "none"}, source)
    again = fetch(MAYBE, {"which": "none"}, source)
    assert again.value is None
    assert (again.state, source.calls) == ("hit", 1)


def test_a_failed_load_is_the_callers_error_and_is_not_kept(redis: Redis) -> None:
    with pytest.raises(LookupError):
        fetch(PRICE, {"symbol": "RELIANCE"}, Source(LookupError("no")))
    assert redis.keys("iifl:*") == []
    assert redis.keys("lease:*") == []


@pytest.mark.usefixtures("redis")
def test_a_failing_source_is_not_asked_again_at_once() -> None:
    source = Source(LookupError("no"))
    for _ in range(5):
        with pytest.raises(LookupError):
            fetch(PRICE, {"symbol": "RELIANCE"}, source)
    assert source.calls == 1


@pytest.mark.usefixtures("redis")
def test_a_failure_is_remembered_no_longer_by_what_is_computed_from_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    monkeypatch.setattr(source, "failures", TTLDict(lambda: now[0]))
    prices = Source(TimeoutError("silence"))

    def total() -> Any:
        return [fetch(PRICE, {"symbol": "RELIANCE"}, prices).value]

    with pytest.raises(TimeoutError):
        fetch(PRICE, {"symbol": "RELIANCE"}, prices)
    now[0] += 2
    with pytest.raises(TimeoutError):
        fetch(LIST, {}, total)
    prices.value = RELIANCE
    now[0] += 1
    assert fetch(LIST, {}, total).value == [RELIANCE]
    assert prices.calls == 2


def test_an_error_of_the_caller_is_no_failure_of_the_source() -> None:
    error = LookupError("no")
    error.status_code = 404  # type: ignore[attr-defined]
    source = Source(error)
    for _ in range(2):
        with pytest.raises(LookupError):
            fetch(PRICE, {"symbol": "RELIANCE"}, source)
    assert source.calls == 2


@pytest.mark.parametrize(
    "planted",
    [b"", b"2", b"2 - x 30 j\n{}", b"9 GEN 1700000000.0 30 j\n{}", b"\x80\x04N.", b"2 GEN nan 30 j\n{}"]
    + [b"2 GEN 1700000000.0 30 j\n" + json for json in (b"{", b'{"symbol":1}', b"[]")]
    + [b"2 GEN 1700000000.0 30 z\nnot zlib"],
)
def test_what_does_not_decode_is_a_miss_and_is_replaced(redis: Redis, planted: bytes) -> None:
    fetch(PRICE, {"symbol": "RELIANCE"}, Source(RELIANCE))
    redis.set("iifl:SIM0001:sample:price:RELIANCE", planted.replace(b"GEN", generations_of(redis)))
    assert fetch(PRICE, {"symbol": "RELIANCE"}, Source(RELIANCE)).state == "miss"
    assert fetch(PRICE, {"symbol": "RELIANCE"}, Source(None)).value == RELIANCE


@pytest.mark.parametrize(
    "name",
    [
        "iifl:SIM0001:{}",
        "lease:iifl:SIM0001:{}",
        "wake:iifl:SIM0001:{}",
        "gen:iifl:SIM0001:sample_price",
        "epoch:iifl:SIM0001",
    ],
)
def test_a_key_of_another_kind_under_our_name_does_no_harm(redis: Redis, name: str) -> None:
    redis.hset(name.format("sample:price:RELIANCE"), "x", "y")
    assert fetch(PRICE, {"symbol": "RELIANCE"}, Source(RELIANCE)).value == RELIANCE
    assert fetch(PRICE, {"symbol": "RELIANCE"}, Source(None)).state == "hit"
    assert breaker.state == "closed"


@pytest.mark.usefixtures("redis")
def test_many_callers_of_one_process_cause_one_load() -> None:
    started, release = threading.Event(), threading.Event()
    calls = []

    def slow() -> Price:
        calls.append(1)
        started.set()
        release.wait(10)
        return RELIANCE

    with ThreadPoolExecutor(25) as pool:
        first = pool.submit(fetch, PRICE, {"symbol": "RELIANCE"}, slow)
        started.wait(10)
        others = [pool.submit(fetch, PRICE, {"symbol": "RELIANCE"}, slow) for _ in range(24)]
        release.set()
        values = [future.result(10).value for future in (first, *others)]
    assert values == [RELIANCE] * 25
    assert calls == [1]


def test_with_redis_gone_the_source_answers() -> None:
    answer = fetch(PRICE, {"symbol": "RELIANCE"}, Source(RELIANCE))
    assert (answer.state, answer.value) == ("bypass", RELIANCE)


def test_with_redis_killed_and_back_reads_go_on(redis_store: RedisServer) -> None:
    fetch(PRICE, {"symbol": "RELIANCE"}, Source(RELIANCE))
    redis_store.kill()
    assert fetch(PRICE, {"symbol": "RELIANCE"}, Source(RELIANCE)).state == "bypass"
    redis_store.restart(empty=True)
    degraded.discard()
    breaker.reset()
    assert fetch(PRICE, {"symbol": "RELIANCE"}, Source(RELIANCE)).state == "miss"
    assert fetch(PRICE, {"symbol": "RELIANCE"}, Source(RELIANCE)).state == "hit"


def test_nothing_in_redis_is_a_pickle(redis: Redis) -> None:
    fetch(PRICE, {"symbol": "RELIANCE"}, Source(RELIANCE))
    data = redis.get("iifl:SIM0001:sample:price:RELIANCE")
    assert isinstance(data, bytes)
    assert data.startswith(b"2 ")
    assert data.endswith(b'60 j\n{"symbol":"RELIANCE","amount":"2368.10"}')
    assert codec.decode(codec.unpack(data).payload, Price) == RELIANCE


@pytest.mark.usefixtures("redis_store")
def test_past_its_time_a_value_is_shown_marked_as_stale_and_then_no_more(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CACHE_STALE = {**settings.CACHE_STALE, LIST.name: 100}
    now = Clock(clock.timestamp())
    monkeypatch.setattr(clock, "timestamp", now)
    failing = Source(OSError("the source fails"))
    fetch(LIST, {}, list)
    for seconds, state in ((59, "hit"), (2, "stale"), (98, "stale")):
        now.now += seconds
        process_state.reset()
        assert fetch(LIST, {}, failing).state == state
    now.now += 2
    process_state.reset()
    with pytest.raises(OSError, match="the source fails"):
        fetch(LIST, {}, failing)
