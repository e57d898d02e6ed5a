"""Page, log and health name the cause of each fault of Redis in the same words."""

import html
import logging
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django_redis import get_redis_connection
from pytest_django.fixtures import Settings
from redis import Redis

from systemcache import process_state
from systemcache.errors import StoreUnavailable
from systemcache.fetching.fetch import fetch
from systemcache.invalidation import clear, fencing, recovery
from systemcache.local import listener
from systemcache.models import ProcessReport, RedisInUse
from systemcache.operations import processes
from systemcache.operations.health import component_health
from systemcache.storage import scan
from tests.systemcache.failures.points import FailingRedis
from tests.systemcache.samples import PRICE, Price
from testservers.ports import free_port
from testservers.redis_server import RedisServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("proxy")]

COMMANDS = (b"MGET", b"EVALSHA", b"SCAN", b"UNLINK", b"PING", b"INFO")


def read() -> str:
    return fetch(PRICE, {"symbol": "A"}, lambda: Price("A", Decimal(1))).state


def assert_all_say(cause: str, log: pytest.LogCaptureFixture, client: Client) -> None:
    """And the log says nothing twice."""
    lines = [record.getMessage() for record in log.records if cause in record.getMessage()]
    assert lines
    assert len(lines) == len(set(lines)), lines
    assert [part for part in component_health() if cause in part.detail], component_health()
    ProcessReport.objects.all().delete()
    processes.reporter.reset()
    processes.reporter.report_if_due()
    page = html.unescape(client.get(reverse("admin:systemcache_cache_processes")).content.decode())
    (row,) = processes.rows()
    assert cause in f"{row.facts.cause} {row.facts.refused} {row.facts.near}"
    assert cause in page[: page.index('id="shared"')]


@pytest.mark.parametrize(
    "words",
    [
        "READONLY You can't write against a read only replica.",
        "LOADING Redis is loading the dataset in memory",
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        "CLUSTERDOWN The cluster is down",
        "NOPERM User site has no permissions to run the 'mget' command",
        "OOM command not allowed when used memory > 'maxmemory'.",
        "CROSSSLOT Keys in request don't hash to the same slot",
    ],
)
def test_an_error_reply_keeps_its_words(
    words: str, proxy: FailingRedis, caplog: pytest.LogCaptureFixture, admin_client: Client
) -> None:
    assert read() == "miss"
    proxy.refusal, proxy.refused = words, COMMANDS
    with caplog.at_level(logging.WARNING):
        read()
        recovery.run_once()
        assert_all_say(words, caplog, admin_client)


def test_a_server_that_is_gone_and_comes_back_as_a_replica_is_reported_as_both(
    victim: RedisServer, proxy: FailingRedis, caplog: pytest.LogCaptureFixture, admin_client: Client
) -> None:
    assert read() == "miss"
    proxy.repoint(free_port())
    proxy.cut()
    with caplog.at_level(logging.WARNING):
        assert read() == "bypass"
        assert_all_say("ConnectionError", caplog, admin_client)
        proxy.repoint(victim.port)
        proxy.refusal, proxy.refused = "READONLY You can't write against a read only replica.", COMMANDS
        recovery.run_once()
        assert_all_say(proxy.refusal, caplog, admin_client)


def test_a_server_that_does_not_answer(
    victim: RedisServer, caplog: pytest.LogCaptureFixture, admin_client: Client
) -> None:
    assert read() == "miss"
    victim.pause()
    with caplog.at_level(logging.WARNING):
        assert read() == "bypass"
        assert_all_say("TimeoutError", caplog, admin_client)


def test_a_server_that_is_full(victim: RedisServer, caplog: pytest.LogCaptureFixture, admin_client: Client) -> None:
    assert read() == "miss"
    with Redis.from_url(victim.url) as admin, caplog.at_level(logging.WARNING):
        admin.config_set("maxmemory-policy", "noeviction")
        admin.config_set("maxmemory", 1)
        try:
            clear.invalidate("sample_price")
            read()
            assert_all_say("OOM command not allowed when used memory > 'maxmemory'", caplog, admin_client)
            assert any("it is full and stores nothing" in part.detail for part in component_health())
        finally:
            admin.config_set("maxmemory", 0)


def test_each_command_that_is_not_permitted(
    proxy: FailingRedis, caplog: pytest.LogCaptureFixture, admin_client: Client
) -> None:
    assert read() == "miss"
    with caplog.at_level(logging.WARNING):
        for command in ("mget", "scan"):
            proxy.refusal = f"NOPERM User site has no permissions to run the '{command}' command"
            proxy.refused = (command.upper().encode(),)
            read()
            with pytest.raises(StoreUnavailable):
                list(scan.scan("*"))
            assert_all_say(proxy.refusal, caplog, admin_client)


def test_a_server_that_is_too_old(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, admin_client: Client
) -> None:
    monkeypatch.setattr("systemcache.storage.greeting.MIN_VERSION", (99, 0))
    get_redis_connection("default").connection_pool.disconnect()
    with caplog.at_level(logging.WARNING):
        assert read() == "bypass"
        assert_all_say("and the site needs at least 99.0", caplog, admin_client)


def test_a_process_that_reaches_another_redis(
    proxy: FailingRedis, caplog: pytest.LogCaptureFixture, admin_client: Client
) -> None:
    recovery.run_once()
    assert read() == "miss"
    RedisInUse.objects.update(run_id="f" * 40)
    process_state.reset()
    with caplog.at_level(logging.WARNING):
        recovery.run_once()
        assert_all_say(fencing.LEFT_BEHIND, caplog, admin_client)


def test_near_copies_that_are_off(
    settings: Settings, proxy: FailingRedis, caplog: pytest.LogCaptureFixture, admin_client: Client
) -> None:
    settings.CACHE_NEAR = True
    proxy.refused = (b"TRACKING",)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            listener.listen_until_lost(lambda: True)
        assert_all_say("off, because Redis refuses tracking: ERR this service does not offer it", caplog, admin_client)
