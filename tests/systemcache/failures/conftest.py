"""One site for all tests of a test process; each test finds it well and leaves it well."""

from collections.abc import Iterator

import pytest
from django.core.cache import caches
from pytest_django.fixtures import Settings

from systemcache.storage import leases
from tests.systemcache.failures.points import FailingRedis
from tests.systemcache.failures.site import Site, running_site
from testservers.redis_server import RedisServer


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
def proxy(victim: RedisServer, settings: Settings) -> Iterator[FailingRedis]:
    """The store behind a proxy. Recovery runs when the test says so, and need not wait for the pause to end."""
    settings.CACHE_BREAKER_PAUSE = 0
    with FailingRedis(victim.port) as proxy:
        settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": proxy.url}}
        leases.unconfirmed.release()
        yield proxy
        caches["default"].close()
