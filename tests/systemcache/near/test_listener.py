"""An invalidation in Redis, however it came about, removes this process's near copies; a process that is not told of
invalidations trusts no copy."""

import itertools
import threading
from collections.abc import Callable

import pytest
from pytest_django.fixtures import Settings
from redis import Redis

from systemcache import clock
from systemcache.errors import StoreUnavailable
from systemcache.fetching.fetch import fetch
from systemcache.invalidation import clear
from systemcache.local import listener, near_cache
from systemcache.storage import scan
from systemcache.storage.breaker import breaker
from systemcache.storage.tracking import TrackingMessage
from tests.support.clock import Clock
from tests.support.redis import use_redis
from tests.support.waiting import PATIENCE, eventually
from tests.systemcache.near.listening import hears, listening
from tests.systemcache.near.warm_requests import mgets
from tests.systemcache.samples import NEAR
from testservers.redis_proxy import RedisProxy
from testservers.redis_server import RedisServer

KEY = "sample:near:a"
FULL_KEY = f"iifl:SIM0001:{KEY}"
_numbers = itertools.count(1)


def read(which: str = "a") -> int:
    return fetch(NEAR, {"which": which}, lambda: next(_numbers)).value


def make_near_copies(*names: str) -> None:
    """Load values and read them from Redis, once this process has been told of its own stores.

    That message removes copies, and on a busy machine it may come late.
    """
    for which in names:
        read(which)
    stored = clock.boottime()
    eventually(lambda: near_cache.copies.confirmed_until > stored)
    for which in names:
        eventually(lambda which=which: read(which) > 0 and near_cache.copies.get(f"sample:near:{which}") is not None)  # type: ignore[misc]


def asked_of_redis(redis: Redis, do: Callable[[], object]) -> int:
    """Commands of this process's reading that Redis has had meanwhile."""
    before = mgets(redis)
    do()
    return mgets(redis) - before


def test_a_near_value_is_answered_without_redis(listener_thread: threading.Thread, redis: Redis) -> None:
    make_near_copies("a")
    assert asked_of_redis(redis, lambda: [read() for _ in range(100)]) == 0


INVALIDATIONS: dict[str, Callable[[Redis], object]] = {
    "its family, by another process": lambda redis: redis.delete("gen:iifl:SIM0001:sample_near"),
    "its tag, by another process": lambda redis: redis.unlink("gen:iifl:SIM0001:near:a"),
    "its key": lambda redis: redis.delete(FULL_KEY),
    "its key overwritten": lambda redis: redis.set(FULL_KEY, b"2 x 0 60 j\n7"),
    "everything": lambda redis: redis.flushall(),
    "the epoch": lambda redis: redis.delete("epoch:iifl:SIM0001"),
    "its key at its end": lambda redis: redis.pexpire(FULL_KEY, 1),
    "by this process": lambda _: clear.invalidate("sample_near"),
}


@pytest.mark.parametrize("name", INVALIDATIONS)
def test_an_invalidation_removes_the_copy(listener_thread: threading.Thread, redis: Redis, name: str) -> None:
    make_near_copies("a")
    INVALIDATIONS[name](redis)
    eventually(lambda: near_cache.copies.get(KEY) is None)


def test_an_invalidation_by_this_process_itself_is_seen_at_once(
    listener_thread: threading.Thread, redis: Redis
) -> None:
    for _ in range(50):
        make_near_copies("a")
        before = read()
        breaker.reset()
        clear.invalidate("sample_near")
        assert read() > before


@pytest.mark.django_db
@pytest.mark.parametrize("what", [{"pattern": "sample:near:*"}, {"family": "sample_near"}, {"tag": "near:a"}])
def test_a_clear_is_seen_at_once(listener_thread: threading.Thread, redis: Redis, what: dict[str, str]) -> None:
    make_near_copies("a")
    before = read()
    clear.clear(clear.target(**what), by="test")
    assert read() > before


def test_loads_of_other_keys_leave_a_copy_alone(listener_thread: threading.Thread, redis: Redis) -> None:
    make_near_copies("a")
    for which in "bcd":
        read(which)
    now = clock.boottime()
    eventually(lambda: near_cache.copies.confirmed_until > now)  # it has been told of all that was stored
    assert asked_of_redis(redis, read) == 0


def test_evicted_generations_take_their_copies(listener_thread: threading.Thread, redis: Redis) -> None:
    make_near_copies("a")
    redis.config_set("maxmemory-policy", "allkeys-lru")
    redis.config_set("maxmemory", 1)
    try:
        eventually(lambda: near_cache.copies.get(KEY) is None)
    finally:
        redis.config_set("maxmemory", 0)
        redis.config_set("maxmemory-policy", "noeviction")


# --- the connection ----------------------------------------------------------------------------------------


def test_a_redis_that_hangs_is_not_trusted_for_long(
    redis_store: RedisServer, redis: Redis, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CACHE_NEAR_TRUST = 500
    monkeypatch.setattr(listener, "PONG_TIMEOUT", 60.0)  # a slow machine may take its time to notice
    with listening():
        make_near_copies("a")
        redis_store.pause()
        try:
            eventually(lambda: near_cache.copies.get(KEY) is None)
        finally:
            redis_store.resume()
        eventually(lambda: near_cache.copies.get(KEY) is not None)  # nothing was dropped: it is good again


def test_a_process_that_is_cut_off_without_noticing_shows_no_copy_for_long(
    redis_store: RedisServer, settings: Settings
) -> None:
    settings.CACHE_NEAR_TRUST = 500
    with RedisProxy(redis_store.port) as proxy:
        use_redis(settings, proxy.url)
        with listening():
            make_near_copies("a")
            proxy.mutes_messages.set()
            eventually(lambda: not hears())
            assert near_cache.copies.get(KEY) is None
            assert read() > 0  # Redis itself can be asked


def test_a_lost_connection_forgets_everything_and_the_next_one_starts_empty(redis_store: RedisServer) -> None:
    with listening() as thread:
        make_near_copies("a")
        redis_store.kill()
        thread.join(PATIENCE)
        assert near_cache.copies.size() == (0, 0)
        assert near_cache.copies.confirmed_until == float("-inf")
    redis_store.restart(empty=True)
    breaker.reset()
    with listening():
        make_near_copies("a")


def test_a_connection_that_is_closed_by_hand_is_noticed(listener_thread: threading.Thread, redis: Redis) -> None:
    make_near_copies("a")
    redis.client_kill_filter(_type="pubsub")
    listener_thread.join(PATIENCE)
    assert near_cache.copies.get(KEY) is None


def test_without_redis_listening_fails() -> None:
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

    monkeypatch.setattr("systemcache.local.listener.threading.Thread", Thread)
    for _ in range(2):
        listener.ensure_started()
    assert started == ["cache-listener"]


def test_keys_are_deleted_in_pages_and_each_copy_is_removed(listener_thread: threading.Thread, redis: Redis) -> None:
    make_near_copies(*(f"n{number}" for number in range(50)))
    scan.delete_matching("sample:near:*")
    eventually(lambda: all(near_cache.copies.get(f"sample:near:n{number}") is None for number in range(50)))


class SlowTracking:
    """Stands for a connection whose reply comes some seconds after its PING."""

    def __init__(self, clock: Clock[float], seconds: float) -> None:
        self.clock, self.seconds = clock, seconds

    def ping(self) -> None:
        pass

    def receive(self, seconds: float) -> TrackingMessage:
        self.clock.now += self.seconds
        return TrackingMessage(is_pong=True)

    def close(self) -> None:
        pass


def test_a_reply_vouches_for_the_time_at_which_the_ping_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(1000.0)
    monkeypatch.setattr(listener, "TrackingConnection", lambda _: SlowTracking(clock, 0.5))
    confirmed: list[float] = []

    def goes_on() -> bool:
        confirmed.append(near_cache.copies.confirmed_until)
        return len(confirmed) < 4

    listener.listen(goes_on, clock)
    assert confirmed == [float("-inf"), 1000.0, 1000.5, 1001.0]


def test_a_connection_that_has_lost_its_subscription_is_given_up(
    redis_server: RedisServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy goes on with another connection behind it: PING is answered there, and no message comes."""
    monkeypatch.setattr(listener, "PONG_TIMEOUT", 60.0)
    with RedisProxy(redis_server.port) as proxy:
        use_redis(settings, proxy.url)
        with listening() as thread:
            proxy.switch(redis_server.port)
            eventually(lambda: not thread.is_alive())
            assert not hears()
