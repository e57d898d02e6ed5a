"""Connections: none that holds a stale answer is used again, none trusts what an earlier Redis held."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import caches
from django_redis import get_redis_connection
from pytest_django.fixtures import Settings
from redis import Redis, RedisError
from redis import TimeoutError as RedisTimeoutError

from systemcache.errors import StoreUnavailable
from systemcache.fetching.fetch import fetch
from systemcache.invalidation import recovery
from systemcache.storage import connection, generations, greeting, key_names, leases
from systemcache.storage.breaker import breaker
from tests.systemcache.failures.points import FailingRedis
from tests.systemcache.samples import PRICE, Price
from testservers.redis_server import RedisServer


def state_of(symbol: str) -> str:
    found = fetch(PRICE, {"symbol": symbol}, lambda: Price(symbol, Decimal(1)))
    assert found.value.symbol == symbol
    return found.state


@pytest.mark.usefixtures("proxy")
def test_the_server_never_speaks_unasked_and_the_timeouts_stay_as_they_are() -> None:
    pool = get_redis_connection("default").connection_pool
    assert pool.connection_kwargs["protocol"] == 2
    assert not pool.maint_notifications_enabled()


def test_an_answer_that_comes_after_the_timeout_is_nobodys_answer(proxy: FailingRedis, victim: RedisServer) -> None:
    admin = Redis.from_url(victim.url)
    for number in range(20):
        admin.set(f"n{number}", number)
    redis = get_redis_connection("default")
    redis.ping()
    for _ in range(3):
        proxy.at("read", lambda: time.sleep(0.5))
        with pytest.raises(RedisTimeoutError):
            redis.mget("n0")
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(redis.get, [f"n{number}" for number in range(20)]))
        assert found == [str(number).encode() for number in range(20)]
        time.sleep(0.2)  # the late answer is there now
        assert redis.get("n7") == b"7"


@pytest.mark.django_db
def test_reads_after_a_late_answer_show_their_own_key(proxy: FailingRedis) -> None:
    recovery.run_once()
    for symbol in "ABCDEFGH":
        state_of(symbol)
    proxy.at("read", lambda: time.sleep(0.5))
    assert state_of("A") == "bypass"
    time.sleep(0.2)
    recovery.run_once()
    assert [state_of(symbol) for symbol in "BCDEFGH"] == ["hit"] * 7


def test_a_read_that_has_timed_out_leaves_no_connection_on_which_its_answer_may_come(proxy: FailingRedis) -> None:
    for symbol in "AB":
        state_of(symbol)
    proxy.at("read", lambda: time.sleep(0.7))
    assert state_of("A") == "bypass"
    breaker.reset()  # another thread's read had passed it before
    assert state_of("B") == "hit"


def test_connections_that_were_closed_meanwhile_cost_nobody_anything(proxy: FailingRedis, victim: RedisServer) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(state_of, "ABCDEFGH"))
        Redis.from_url(victim.url).client_kill_filter(_type="normal", skipme=True)
        assert list(pool.map(state_of, "ABCDEFGH")) == ["hit"] * 8
    assert breaker.state == "closed"


def test_a_connection_that_is_lost_during_a_command_costs_nobody_anything(proxy: FailingRedis) -> None:
    """As where a firewall has forgotten an idle connection: that shows only when a command was sent."""
    assert (state_of("A"), state_of("A")) == ("miss", "hit")
    proxy.at("read", lambda: None, lose_answer=True)
    assert state_of("A") == "hit"
    assert proxy.intercepted.is_set()
    assert breaker.state == "closed"


@pytest.mark.usefixtures("proxy")
def test_a_connection_is_closed_by_the_thread_that_holds_it_only() -> None:
    """As in a failover: recovery has all connections closed while other threads are about to use some."""
    state_of("A")
    pool = get_redis_connection("default").connection_pool
    held = pool.get_connection()
    first = client_id(held)
    connection.close_connections()
    assert not held.can_read()
    assert client_id(held) == first, "a command that is under way is not disturbed"
    pool.release(held)
    again = pool.get_connection()
    try:
        assert client_id(again) != first
    finally:
        pool.release(again)
    assert state_of("A") == "hit"


def client_id(held: Any) -> int:
    held.send_command("CLIENT", "ID")
    return int(held.read_response())


@pytest.mark.usefixtures("proxy")
def test_redis_restarted_with_its_data_is_not_trusted_for_what_it_held(victim: RedisServer) -> None:
    assert (state_of("A"), state_of("A")) == ("miss", "hit")
    victim.restart()
    assert Redis.from_url(victim.url).exists("iifl:SIM0001:sample:price:A")
    assert (state_of("A"), state_of("A")) == ("miss", "hit")


@pytest.mark.usefixtures("proxy")
def test_a_forked_child_uses_connections_of_its_own() -> None:
    state_of("A")
    child = os.fork()
    if not child:
        os._exit(sum(state_of("A") != "hit" for _ in range(50)))
    assert [state_of("A") for _ in range(50)] == ["hit"] * 50
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


@pytest.mark.django_db
def test_with_all_connections_in_use_the_source_answers(victim: RedisServer, settings: Settings) -> None:
    options = settings.CACHES["default"]["OPTIONS"]
    few = {**options["CONNECTION_POOL_KWARGS"], "max_connections": 1, "timeout": 0.05}
    cache = {**settings.CACHES["default"], "LOCATION": victim.url.replace("127.0.0.1", "localhost")}
    settings.CACHES = {"default": {**cache, "OPTIONS": {**options, "CONNECTION_POOL_KWARGS": few}}}
    settings.CACHE_BREAKER_PAUSE = 0
    recovery.run_once()
    state_of("A")
    pool = get_redis_connection("default").connection_pool
    taken = pool.get_connection()
    try:
        assert state_of("A") == "bypass"
        with pytest.raises(StoreUnavailable):
            generations.invalidate_tags(["sample_price"])
    finally:
        pool.release(taken)
    recovery.run_once()
    assert state_of("A") == "hit"
    caches["default"].close()


@pytest.mark.usefixtures("proxy")
def test_waiting_for_anothers_load_stays_below_the_sockets_timeout() -> None:
    ref = key_names.EntryRef("sample:price:A", ("sample_price",))
    assert leases.acquire(ref, 5).lease
    with ThreadPoolExecutor(8) as pool:
        started = time.monotonic()
        for waiting in [pool.submit(leases.wait, ref) for _ in range(16)]:
            waiting.result()
        assert time.monotonic() - started < 2.0
    assert breaker.state == "closed"


def test_greeting_something_that_tells_no_run_id_leaves_no_connection_that_is_trusted(
    victim: RedisServer, monkeypatch: pytest.MonkeyPatch, proxy: FailingRedis
) -> None:
    class Mute:
        sent: list[object] = []

        def on_connect(self) -> None: ...
        def send_command(self, *words: object) -> None:
            self.sent.append(words)

        def read_response(self) -> bytes:
            return b"# Server\r\nredis_version:9\r\n"

    with pytest.raises(RedisError, match="run id"):
        greeting.greet(Mute())
    assert threading.active_count() < 100
