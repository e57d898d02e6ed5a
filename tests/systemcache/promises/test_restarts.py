"""A Redis that comes back with what it held before: nothing in it is trusted, by old processes or by new ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings
from redis import Redis

from systemcache.storage.breaker import breaker
from tests.support.redis import use_redis
from tests.systemcache.promises.board import Board
from tests.systemcache.promises.processes import Puppet
from tests.systemcache.promises.source import BoardSource
from testservers.redis_server import RedisServer

NUMBER = "promise_number"


@pytest.fixture
def server(tmp_path: Path, settings: Settings) -> Iterator[RedisServer]:
    """A Redis of the test's own: what it writes to the disk must not reach other tests."""
    with RedisServer(tmp_path / "redis") as own:
        use_redis(settings, own.url)
        yield own


@pytest.fixture
def witness(server: RedisServer, board: Board) -> Iterator[Puppet]:
    """Has lived through all of it."""
    puppet = Puppet(board, REDIS_URL=server.url)
    yield puppet.wait_until_ready()
    puppet.stop()


@pytest.fixture
def newcomer(server: RedisServer, board: Board) -> Iterator[Puppet]:
    """Has not talked to any Redis before."""
    puppet = Puppet(board, REDIS_URL=server.url)
    yield puppet.wait_until_ready()
    puppet.stop()


def come_back_as_before_the_drop(server: RedisServer, source: BoardSource) -> bytes:
    """What is dropped after the data was saved stands there again, with the generation that it had."""
    with Redis.from_url(server.url) as redis:
        redis.save()
        before = redis.get("gen:iifl:SIM0001:promise_number")
        source.write(1, NUMBER)
        assert redis.get("gen:iifl:SIM0001:promise_number") is None
    server.kill()
    server.restart()
    with Redis.from_url(server.url) as redis:
        assert redis.get("gen:iifl:SIM0001:promise_number") == before
        (kept,) = redis.keys("iifl:*")
    assert isinstance(kept, bytes)
    return kept


def test_no_process_serves_an_invalidated_value_that_an_older_data_set_brings_back(
    server: RedisServer, witness: Puppet, newcomer: Puppet, source: BoardSource
) -> None:
    assert witness.read(NUMBER).value() == 0
    come_back_as_before_the_drop(server, source)
    assert newcomer.read(NUMBER).value() == 1
    assert witness.read(NUMBER).end()["value"] == 1


def test_the_process_that_lived_through_it_is_the_first_to_read(
    server: RedisServer, witness: Puppet, source: BoardSource
) -> None:
    assert witness.read(NUMBER).value() == 0
    come_back_as_before_the_drop(server, source)
    again = witness.read(NUMBER).end()
    assert (again["value"], again["loads"]) == (1, 1)


def test_a_load_under_way_when_redis_came_back_is_not_stored(
    server: RedisServer, witness: Puppet, newcomer: Puppet, source: BoardSource
) -> None:
    """Its lease is in the older data set as well."""
    early = witness.read(NUMBER, pause=True)
    assert early.is_loading() == 0
    with Redis.from_url(server.url) as redis:
        redis.save()
    source.write(1, NUMBER)
    server.kill()
    server.restart()
    early.finish().end()
    assert newcomer.read(NUMBER).value() == 1
    assert witness.read(NUMBER).value() == 1


def test_a_store_on_its_way_when_redis_came_back_does_not_arrive(
    server: RedisServer, witness: Puppet, newcomer: Puppet, source: BoardSource
) -> None:
    early = witness.read(NUMBER, stop_at="store")
    early.is_loading()
    early.has_stopped()
    with Redis.from_url(server.url) as redis:
        redis.save()
    source.write(1, NUMBER)
    server.kill()
    server.restart()
    early.go_on().end()
    assert newcomer.read(NUMBER).value() == 1


def test_a_redis_that_comes_back_empty_is_used_again(server: RedisServer, witness: Puppet, source: BoardSource) -> None:
    witness.read(NUMBER).end()
    server.restart(empty=True)
    source.write(1, NUMBER)
    assert witness.read(NUMBER).value() == 1
    assert witness.read(NUMBER).end()["state"] == "hit"
    assert breaker.state == "closed"
