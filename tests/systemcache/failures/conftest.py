"""One site for all tests of a test process; each test finds it well and leaves it well."""

from collections.abc import Iterator

import pytest
from django.core.cache import caches
from pytest_django.fixtures import Settings

from systemcache import store
from tests.servers.redis_server import RedisServer
from tests.systemcache.failures.gate import Gate
from tests.systemcache.failures.site import Site, running_site


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="session")
def victim_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("victim")) as server:
        yield server


@pytest.fixture
def victim(victim_server: RedisServer) -> Iterator[RedisServer]:
    """A Redis to torment, empty and well at the beginning."""
    victim_server.restart(empty=True)
    yield victim_server
    victim_server.resume()


@pytest.fixture
def gate(victim: RedisServer, settings: Settings) -> Iterator[Gate]:
    """The store behind a gate. The keeper looks when the test says so, and need not wait for the pause to end."""
    settings.CACHE_BREAKER_PAUSE = 0
    with Gate(victim.port) as gate:
        settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": gate.url}}
        store.give_back_owed()
        yield gate
        caches["default"].close()
