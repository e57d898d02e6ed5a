"""What is dropped in Redis, by whomever and however, is gone from this process; one that cannot hear trusts no copy."""

import itertools
import threading
import time
from collections.abc import Callable

import pytest
from pytest_django.fixtures import Settings
from redis import Redis

from systemcache import invalidation, listener, near, scanning, store
from systemcache.errors import StoreUnavailable
from systemcache.fetch import fetch
from tests.servers.redis_server import RedisServer
from tests.systemcache.failures.gate import Gate
from tests.systemcache.near.conftest import hears, listening, until
from tests.systemcache.samples import NEAR

KEY = "sample:near:a"
FULL_KEY = f"iifl:SIM0001:{KEY}"
_numbers = itertools.count(1)


def read(which: str = "a") -> int:
    return fetch(NEAR, {"which": which}, lambda: next(_numbers)).value


def copied(which: str = "a") -> None:
    """Loaded, then read from Redis, and the echo of its own storing heard: now it is answered near."""
    read(which)
    until(lambda: read(which) > 0 and near.copies.get(f"sample:near:{which}") is not None)


def asked_of_redis(redis: Redis, do: Callable[[], object]) -> int:
    """Commands of this process's reading that Redis has had meanwhile."""
    before = mgets(redis)
    do()
    return mgets(redis) - before


def mgets(redis: Redis) -> int:
    told = redis.info("commandstats")
    assert isinstance(told, dict)
    return int(told.get("cmdstat_mget", {"calls": 0})["calls"])


def test_a_near_value_is_answered_without_redis(ear: threading.Thread, redis: Redis) -> None:
    copied()
    assert asked_of_redis(redis, lambda: [read() for _ in range(100)]) == 0


DROPS: dict[str, Callable[[Redis], object]] = {
    "its family, by another process": lambda redis: redis.delete("gen:iifl:SIM0001:sample_near"),
    "its tag, by another process": lambda redis: redis.unlink("gen:iifl:SIM0001:near:a"),
    "its key": lambda redis: redis.delete(FULL_KEY),
    "its key overwritten": lambda redis: redis.set(FULL_KEY, b"2 x 0 60 j\n7"),
    "everything": lambda redis: redis.flushall(),
    "the epoch": lambda redis: redis.delete("epoch:iifl:SIM0001"),
    "its key at its end": lambda redis: redis.pexpire(FULL_KEY, 1),
    "by this process": lambda _: invalidation.drop("sample_near"),
}


@pytest.mark.parametrize("name", DROPS)
def test_what_is_dropped_is_gone(ear: threading.Thread, redis: Redis, name: str) -> None:
    copied()
    DROPS[name](redis)
    until(lambda: near.copies.get(KEY) is None)


def test_a_drop_of_this_process_itself_is_seen_at_once(ear: threading.Thread, redis: Redis) -> None:
    for _ in range(50):
        copied()
        before = read()
        store.breaker.reset()
        invalidation.drop("sample_near")
        assert read() > before


@pytest.mark.django_db
@pytest.mark.parametrize("what", [{"pattern": "sample:near:*"}, {"family": "sample_near"}, {"tag": "near:a"}])
def test_a_clear_is_seen_at_once(ear: threading.Thread, redis: Redis, what: dict[str, str]) -> None:
    copied()
    before = read()
    invalidation.clear(invalidation.target(**what), by="test")
    assert read() > before


def test_loads_of_other_keys_leave_a_copy_alone(ear: threading.Thread, redis: Redis) -> None:
    copied()
    for which in "bcd":
        read(which)
    time.sleep(0.1)  # what could have been told has been told
    assert asked_of_redis(redis, read) == 0


def test_evicted_generations_take_their_copies(ear: threading.Thread, redis: Redis) -> None:
    copied()
    redis.config_set("maxmemory-policy", "allkeys-lru")
    redis.config_set("maxmemory", 1)
    try:
        until(lambda: near.copies.get(KEY) is None)
    finally:
        redis.config_set("maxmemory", 0)
        redis.config_set("maxmemory-policy", "noeviction")


# --- the connection ----------------------------------------------------------------------------------------


def test_a_redis_that_hangs_is_not_trusted_for_long(
    redis_store: RedisServer, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near, "TRUST", 0.5)
    monkeypatch.setattr(listener, "DEAF", 60.0)  # a slow machine may take its time to notice
    with listening():
        copied()
        redis_store.pause()
        try:
            until(lambda: near.copies.get(KEY) is None)
        finally:
            redis_store.resume()
        until(lambda: near.copies.get(KEY) is not None)  # nothing was dropped: it is good again


def test_a_process_that_is_cut_off_without_noticing_shows_no_copy_for_long(
    redis_store: RedisServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near, "TRUST", 0.5)
    with Gate(redis_store.port) as gate:
        settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": gate.url}}
        with listening():
            copied()
            gate.deaf.set()
            until(lambda: not hears())
            assert near.copies.get(KEY) is None
            assert read() > 0  # Redis itself can be asked


def test_a_lost_connection_forgets_everything_and_the_next_one_begins_anew(redis_store: RedisServer) -> None:
    with listening() as thread:
        copied()
        redis_store.kill()
        thread.join(10)
        assert near.copies.size() == (0, 0)
        assert near.copies.heard_until == float("-inf")
    redis_store.restart(empty=True)
    store.breaker.reset()
    with listening():
        copied()


def test_a_connection_that_is_closed_by_hand_is_noticed(ear: threading.Thread, redis: Redis) -> None:
    copied()
    redis.client_kill_filter(_type="pubsub")
    ear.join(10)
    assert near.copies.get(KEY) is None


def test_without_redis_there_is_nothing_to_hear() -> None:
    with pytest.raises(StoreUnavailable):
        listener.listen(lambda: True)


def test_the_first_read_starts_the_listener_once(
    settings: Settings, redis_store: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CACHE_NEAR = True
    started: list[str] = []

    class Thread:
        def __init__(self, *, target: Callable[[], object], name: str, daemon: bool) -> None:
            self.name = name

        def start(self) -> None:
            started.append(self.name)

    monkeypatch.setattr(listener, "_started", False)
    monkeypatch.setattr("systemcache.listener.threading.Thread", Thread)
    for _ in range(2):
        listener.ensure()
    assert started == ["cache-listener"]


def test_keys_are_scanned_and_dropped_in_pages_and_all_are_heard_of(ear: threading.Thread, redis: Redis) -> None:
    for number in range(50):
        copied(f"n{number}")
    scanning.delete_matching("sample:near:*")
    until(lambda: all(near.copies.get(f"sample:near:n{number}") is None for number in range(50)))
