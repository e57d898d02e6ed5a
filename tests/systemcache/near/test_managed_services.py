"""Near copies behind services that redirect no tracking, or offer none: RESP3, or off with the reason shown."""

import logging
from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings
from redis import Redis

from systemcache.fetching.fetch import fetch
from systemcache.local import listener, near_cache
from systemcache.operations.health import component_health
from tests.support.redis import use_redis
from tests.support.waiting import eventually
from tests.systemcache.near.listening import hears, listening
from tests.systemcache.samples import NEAR
from testservers.redis_proxy import RedisProxy
from testservers.redis_server import RedisServer

KEY = "sample:near:a"


@pytest.fixture
def service(redis_store: RedisServer, settings: Settings) -> Iterator[RedisProxy]:
    """Redis as a service offers it: without REDIRECT."""
    settings.CACHE_NEAR_TRUST = 5_000
    with RedisProxy(redis_store.port) as proxy:
        proxy.refused = (b"REDIRECT",)
        use_redis(settings, proxy.url)
        yield proxy


def read(number: int) -> int:
    return fetch(NEAR, {"which": "a"}, lambda: number).value


def has_a_copy() -> bool:
    read(1)
    return near_cache.copies.get(KEY) is not None


@pytest.mark.usefixtures("service")
def test_without_redirect_the_changes_come_as_push_messages(redis: Redis) -> None:
    with listening():
        eventually(has_a_copy)
        redis.unlink("gen:iifl:SIM0001:near:a")
        eventually(lambda: near_cache.copies.get(KEY) is None)
        eventually(has_a_copy)
        redis.flushall()
        eventually(lambda: near_cache.copies.get(KEY) is None)
        assert hears()


def test_a_service_that_cuts_the_push_connection_is_not_trusted(service: RedisProxy, redis: Redis) -> None:
    with listening() as thread:
        eventually(has_a_copy)
        redis.client_kill_filter(_type="normal", skipme=True)
        thread.join(60)
        assert near_cache.copies.get(KEY) is None


@pytest.mark.django_db
@pytest.mark.parametrize("refused", [(b"REDIRECT", b"HELLO"), (b"TRACKING",)])
def test_where_neither_is_offered_no_copy_is_shown_and_log_and_health_say_why(
    service: RedisProxy, refused: tuple[bytes, ...], caplog: pytest.LogCaptureFixture
) -> None:
    service.refused = refused
    with caplog.at_level(logging.WARNING):
        waits = [listener.listen_until_lost(lambda: True) for _ in range(3)]
    assert waits == [listener.REFUSED_DELAY] * 3
    assert caplog.text.count("near copies are off, because Redis refuses tracking: ERR this service") == 1
    assert [read(1) for _ in range(3)] == [1, 1, 1]
    assert near_cache.copies.get(KEY) is None
    (part,) = [part for part in component_health() if part.name == "near_copies"]
    assert "this service does not offer it" in part.detail
    service.refused = ()
    with listening():
        eventually(has_a_copy)
    assert not [part for part in component_health() if part.name == "near_copies"]
