"""All processes use one Redis, which the database names; a process that reaches another shows none of its values."""

import logging
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django_redis import get_redis_connection
from pytest_django.fixtures import Settings
from redis import Redis

from systemcache import process_state
from systemcache.fetching.fetch import fetch
from systemcache.invalidation import fencing, outbox, recovery
from systemcache.models import PendingInvalidation, RedisInUse
from systemcache.operations.health import component_health
from systemcache.storage import event_log
from systemcache.storage.breaker import breaker
from systemcache.storage.key_names import events_key
from tests.support.redis import use_redis
from tests.support.waiting import eventually
from tests.systemcache.samples import PRICE, Price
from testservers.redis_server import RedisServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisServer]]:
    with RedisServer(tmp_path_factory.mktemp("a")) as a, RedisServer(tmp_path_factory.mktemp("b")) as b:
        yield [a, b]


@pytest.fixture
def old(servers: list[RedisServer], settings: Settings) -> Iterator[RedisServer]:
    settings.CACHE_BREAKER_PAUSE = 0
    for server in servers:
        server.restart(empty=True)
    reach(servers[0], settings)
    yield servers[0]
    get_redis_connection("default").connection_pool.disconnect()


@pytest.fixture
def new(servers: list[RedisServer]) -> RedisServer:
    return servers[1]


def reach(server: RedisServer, settings: Settings) -> None:
    """From here on this is a process that reaches that server."""
    process_state.reset()
    use_redis(settings, server.url)
    get_redis_connection("default").connection_pool.disconnect()


def read(amount: int) -> tuple[int, str]:
    value = fetch(PRICE, {"symbol": "A"}, lambda: Price("A", Decimal(amount)))
    return int(value.value.amount), value.state


def run_id(server: RedisServer) -> str:
    with Redis.from_url(server.url) as admin:
        return str(admin.info("server")["run_id"])


def in_use() -> str:
    return RedisInUse.objects.get().run_id


def test_the_first_process_writes_its_server_down_and_all_use_it(old: RedisServer, settings: Settings) -> None:
    recovery.run_once()
    assert in_use() == run_id(old)
    assert read(1) == (1, "miss")
    reach(old, settings)
    recovery.run_once()
    assert read(2) == (1, "hit")


def test_a_process_that_is_left_behind_stops_showing_what_it_finds(
    old: RedisServer, new: RedisServer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    recovery.run_once()
    assert (read(1), read(1)) == ((1, "miss"), (1, "hit"))
    RedisInUse.objects.update(run_id=run_id(new))  # as a process has done that reaches the new one
    with caplog.at_level(logging.WARNING):
        recovery.run_once()
    assert read(2) == (2, "bypass")
    assert fencing.LEFT_BEHIND in caplog.text
    (part,) = [part for part in component_health() if part.name == "breaker"]
    assert fencing.LEFT_BEHIND in part.detail
    recovery.run_once()
    assert read(3) == (3, "bypass")


def test_a_server_that_was_promoted_is_used_at_once_and_nothing_that_it_held_is_shown(
    old: RedisServer, new: RedisServer, settings: Settings
) -> None:
    recovery.run_once()
    assert read(1) == (1, "miss")
    with Redis.from_url(new.url) as replica:
        replica.replicaof("127.0.0.1", old.port)
        eventually(lambda: bool(replica.exists("iifl:SIM0001:sample:price:A")))
        replica.replicaof("NO", "ONE")
    reach(new, settings)
    recovery.run_once()
    assert in_use() == run_id(new)
    assert (read(2), read(2)) == ((2, "miss"), (2, "hit"))


def test_a_reader_of_events_that_comes_back_to_a_promoted_server_is_told_that_some_may_be_missing(
    old: RedisServer, new: RedisServer, settings: Settings
) -> None:
    recovery.run_once()
    event_log.mark_gap_if_due()
    last = event_log.end()
    with Redis.from_url(new.url) as replica:
        replica.replicaof("127.0.0.1", old.port)
        eventually(lambda: bool(replica.exists(events_key("all"))))
        replica.replicaof("NO", "ONE")
    reach(new, settings)
    assert event_log.after(last, last) is not None, "the log itself has come along"
    recovery.run_once()
    event_log.mark_gap_if_due()
    assert event_log.after(last, event_log.end()) is None


def test_what_a_process_without_recovery_has_stored_at_the_promoted_server_is_void_too(
    old: RedisServer, new: RedisServer, settings: Settings
) -> None:
    """It stores while the others still tell the old server of their writes."""
    recovery.run_once()
    reach(new, settings)
    assert read(1) == (1, "miss")
    recovery.run_once()
    assert read(2) == (2, "miss")


def test_a_server_that_was_restarted_is_used_at_once(old: RedisServer) -> None:
    recovery.run_once()
    assert read(1) == (1, "miss")
    old.restart()
    assert read(2)[0] == 2
    recovery.run_once()
    assert breaker.state == "closed"
    read(3)
    assert read(3)[1] == "hit"
    assert in_use() == run_id(old)


def test_a_write_of_a_process_that_is_left_behind_stays_on_record(
    old: RedisServer, new: RedisServer, settings: Settings
) -> None:
    recovery.run_once()
    assert read(1) == (1, "miss")
    RedisInUse.objects.update(run_id=run_id(new))
    outbox.record("default", PRICE)
    assert PendingInvalidation.objects.count() == 1
    assert read(2) == (2, "bypass")
    reach(new, settings)
    recovery.run_once()
    assert PendingInvalidation.objects.count() == 0


def test_recovery_carries_out_nothing_at_a_server_that_is_left_behind(old: RedisServer, new: RedisServer) -> None:
    recovery.run_once()
    read(1)
    RedisInUse.objects.update(run_id=run_id(new))
    PendingInvalidation.objects.create(tags=["sample_price"])
    recovery.run_once()
    assert PendingInvalidation.objects.count() == 1


def test_a_challenge_that_nobody_answers_wins_and_what_the_server_held_is_void(
    old: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovery.run_once()
    assert read(1) == (1, "miss")
    RedisInUse.objects.update(run_id="of-a-server-that-is-gone")
    recovery.run_once()
    recovery.run_once()
    assert (read(2), in_use()) == ((2, "bypass"), "of-a-server-that-is-gone")
    monkeypatch.setattr(fencing, "TAKEOVER", 0.0)
    recovery.run_once()
    assert in_use() == run_id(old)
    assert (read(3), read(3)) == ((3, "miss"), (3, "hit"))


def test_a_process_at_the_server_in_use_answers_a_challenge(old: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    recovery.run_once()
    RedisInUse.objects.update(challenge="another-server 1234")
    with caplog.at_level(logging.WARNING):
        recovery.run_once()
    assert RedisInUse.objects.get().challenge == ""
    assert "reaches another Redis than the others do" in caplog.text
    assert breaker.state == "closed"


def test_two_sites_in_one_database_agree_on_servers_of_their_own(
    old: RedisServer, new: RedisServer, settings: Settings
) -> None:
    recovery.run_once()
    settings.CACHE_PREFIX = "iifl:OTHER"
    reach(new, settings)
    recovery.run_once()
    assert set(RedisInUse.objects.values_list("run_id", flat=True)) == {run_id(old), run_id(new)}
    assert read(1) == (1, "miss")
