"""Redis answers with an error: its words are kept, and a server that is no primary loses its connections."""

import logging
import re
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django_redis import get_redis_connection
from pytest_django.fixtures import Settings
from redis import Redis

from systemcache.errors import StoreUnavailable
from systemcache.fetching.fetch import fetch
from systemcache.invalidation import clear, recovery
from systemcache.local import listener
from systemcache.operations.health import component_health
from systemcache.stats import counters
from systemcache.storage import generations, leases, rate_limits, scan
from systemcache.storage.breaker import breaker
from systemcache.storage.key_names import EntryRef
from systemcache.storage.leader_lock import LeaderLock
from tests.systemcache.failures.points import FailingRedis
from tests.systemcache.samples import PRICE, Price
from testservers.managed_redis import smallest_rights
from testservers.redis_server import RedisServer


def read(amount: int) -> tuple[int, str]:
    value = fetch(PRICE, {"symbol": "A"}, lambda: Price("A", Decimal(amount)))
    return int(value.value.amount), value.state


@pytest.fixture
def second_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("second")) as server:
        yield server


@pytest.mark.usefixtures("proxy")
@pytest.mark.django_db(transaction=True)
def test_a_failover_behind_one_address_is_followed_although_the_old_connections_live(
    proxy: FailingRedis, victim: RedisServer, second_server: RedisServer
) -> None:
    """The promoted server answers at the address; the old one is its replica, and its connections stay open."""
    assert (read(1), read(1)) == ((1, "miss"), (1, "hit"))
    with Redis.from_url(victim.url) as old:
        old.replicaof("127.0.0.1", second_server.port)
        proxy.repoint(second_server.port)
        try:
            with pytest.raises(StoreUnavailable, match="READONLY"):
                clear.invalidate("sample_price")
            recovery.run_once()
            assert (read(2), read(2)) == ((2, "miss"), (2, "hit"))
        finally:
            old.replicaof("NO", "ONE")
    with Redis.from_url(second_server.url) as promoted:
        assert promoted.exists("iifl:SIM0001:sample:price:A")


@pytest.mark.usefixtures("proxy")
def test_a_refusal_keeps_its_words_in_error_and_log(victim: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    leases.acquire(EntryRef("sample:list", ("sample_list",)), 10)
    with Redis.from_url(victim.url) as admin:
        admin.replicaof("127.0.0.1", "1")
        try:
            with caplog.at_level(logging.WARNING), pytest.raises(StoreUnavailable) as refused:
                generations.invalidate_tags(["sample_price"])
        finally:
            admin.replicaof("NO", "ONE")
    assert "READONLY You can't write against a read only replica." in str(refused.value)
    assert "READONLY You can't write" in caplog.text


def of_user(settings: Settings, victim: RedisServer, *rights: str) -> None:
    """Let the site be a user of Redis with these rights, and the password `password`."""
    with Redis.from_url(victim.url) as admin:
        admin.execute_command("ACL", "SETUSER", "site", *rights)
    settings.CACHES = {
        "default": {**settings.CACHES["default"], "LOCATION": f"redis://site:password@127.0.0.1:{victim.port}/0"}
    }


@pytest.mark.usefixtures("proxy")
@pytest.mark.django_db(transaction=True)
def test_the_rights_that_the_page_for_operators_gives_are_enough(
    victim: RedisServer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    of_user(settings, victim, *smallest_rights())
    with caplog.at_level(logging.DEBUG):
        assert [read(1)[1], read(1)[1]] == ["miss", "hit"]
        clear.invalidate("sample_price")
        assert read(2) == (2, "miss")
        assert list(scan.scan("*")) == [["sample:price:A"]]
        assert scan.sample(10)[0] > 0
        assert clear.clear(clear.target(pattern="sample:*"), by="a test").keys == 1
        rate_limits.pause("quotes", 0.01)
        assert rate_limits.acquire("orders", "a", ticket=0, calls=1, window=1, counts_for=5, max_wait=0)[0] == 0
        rate_limits.release("orders", "a", 1)
        lock = LeaderLock("work", 5)
        assert lock.acquire()
        lock.release()
        leases.wait(EntryRef("sample:price:A", ("sample_price",)))
        assert counters.snapshot()["connected"]
        heard = iter([True] * 5)
        listener.listen(lambda: next(heard, False))
        assert {part.name: part.up for part in component_health()}["redis"]
    assert "NOPERM" not in caplog.text
    get_redis_connection("default").connection_pool.disconnect()


@pytest.mark.usefixtures("proxy")
@pytest.mark.django_db(transaction=True)
def test_without_the_right_to_info_the_cache_works_and_health_names_what_is_missing(
    victim: RedisServer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    of_user(settings, victim, *smallest_rights(), "-info")
    with caplog.at_level(logging.WARNING):
        recovery.run_once()
        assert [read(1)[1], read(1)[1]] == ["miss", "hit"]
        clear.invalidate("sample_price")
        assert (read(2), read(2)) == ((2, "miss"), (2, "hit"))
        recovery.run_once()
        assert counters.snapshot()["connected"]
        (redis,) = [part for part in component_health() if part.name == "redis"]
    assert breaker.state == "closed"
    assert not redis.up
    assert re.search(r"NOPERM .*\binfo\b", redis.detail)
    assert len(re.findall(r"Redis refuses a command: NOPERM .*\binfo\b", caplog.text)) == 1
    get_redis_connection("default").connection_pool.disconnect()


@pytest.mark.usefixtures("proxy")
@pytest.mark.django_db(transaction=True)
def test_a_restart_is_noticed_without_the_right_to_info(
    victim: RedisServer, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rights = (*smallest_rights(), "-info")
    of_user(settings, victim, *rights)
    assert [read(1)[1], read(1)[1]] == ["miss", "hit"]
    victim.restart()
    of_user(settings, victim, *rights)
    with Redis.from_url(victim.url) as admin:
        assert admin.exists("iifl:SIM0001:sample:price:A")
    assert (read(2), read(2)) == ((2, "miss"), (2, "hit"))
    get_redis_connection("default").connection_pool.disconnect()


@pytest.mark.usefixtures("proxy")
@pytest.mark.django_db(transaction=True)
def test_a_right_that_is_missing_is_named_in_log_and_health(
    victim: RedisServer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    of_user(settings, victim, *smallest_rights(), "-scan")
    with caplog.at_level(logging.WARNING), pytest.raises(StoreUnavailable, match=r"NOPERM .*\bscan\b"):
        list(scan.scan("*"))
    with pytest.raises(StoreUnavailable):
        list(scan.scan("*"))
    assert len(re.findall(r"Redis refuses a command: NOPERM .*\bscan\b", caplog.text)) == 1
    (redis,) = [part for part in component_health() if part.name == "redis"]
    assert not redis.up
    assert re.search(r"NOPERM .*\bscan\b", redis.detail)
    get_redis_connection("default").connection_pool.disconnect()


@pytest.mark.usefixtures("proxy")
def test_an_invalidation_that_is_refused_opens_the_breaker(victim: RedisServer, settings: Settings) -> None:
    """Redis answers, and holds values from now on that are no longer true."""
    of_user(settings, victim, *smallest_rights())
    assert [read(1)[1], read(1)[1]] == ["miss", "hit"]
    of_user(settings, victim, "-unlink")
    with pytest.raises(StoreUnavailable, match="NOPERM"):
        generations.invalidate_tags(["sample_price"])
    assert not breaker.allows()
    get_redis_connection("default").connection_pool.disconnect()


@pytest.mark.usefixtures("proxy")
def test_a_server_that_is_too_old_is_not_used_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("systemcache.storage.greeting.MIN_VERSION", (99, 0))
    get_redis_connection("default").connection_pool.disconnect()
    with caplog.at_level(logging.WARNING):
        assert read(1) == (1, "bypass")
    assert "and the site needs at least 99.0" in caplog.text


@pytest.fixture
def full(victim: RedisServer) -> Iterator[None]:
    """The server is full and evicts nothing."""
    with Redis.from_url(victim.url) as admin:
        admin.config_set("maxmemory-policy", "noeviction")
        admin.config_set("maxmemory", 1)
        yield
        admin.config_set("maxmemory", 0)


@pytest.mark.usefixtures("proxy", "full")
def test_the_end_of_a_call_and_a_pause_are_taken_in_by_a_full_redis() -> None:
    def acquire(token: str) -> float:
        return rate_limits.acquire("orders", token, ticket=0, calls=1, window=0.05, counts_for=60, max_wait=100)[0]

    assert acquire("a") == 0
    rate_limits.release("orders", "a", 0.05)
    assert acquire("b") < 0.06
    rate_limits.pause("orders", 50)
    assert acquire("c") > 40


@pytest.mark.usefixtures("proxy", "full")
@pytest.mark.django_db(transaction=True)
def test_a_full_redis_is_reported_in_log_and_health(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for amount in (1, 2, 3):
            read(amount)
    (redis,) = [part for part in component_health() if part.name == "redis"]
    assert caplog.text.count("Redis refuses a command: OOM") == 1
    assert not redis.up
    assert "it is full and stores nothing" in redis.detail


@pytest.mark.usefixtures("proxy")
@pytest.mark.django_db(transaction=True)
def test_a_full_redis_that_that_evicts_nothing_spares_the_sources_and_still_invalidates(
    victim: RedisServer, settings: Settings
) -> None:
    settings.CACHE_DEGRADED_HOLD = 60
    read(0)
    clear.invalidate("sample_price")
    with Redis.from_url(victim.url) as admin:
        admin.config_set("maxmemory-policy", "noeviction")
        admin.config_set("maxmemory", 1)
        try:
            assert [read(amount)[0] for amount in (1, 2, 3)] == [1, 1, 1]
            clear.invalidate("sample_price")
            assert [read(amount)[0] for amount in (4, 5)] == [4, 4]
        finally:
            admin.config_set("maxmemory", 0)
    assert breaker.allows()
