"""People, servers and clean stores for all tests."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import caches
from django_redis import get_redis_connection
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from broker import client, gateway
from broker.simulator import Simulator, SimulatorOptions
from systemcache import fetch, shortcut, stats, store, turns
from systemcache.models import ApiToken
from tests.servers.redis_server import RedisServer

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A real redis-server of this test process's own."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(autouse=True)
def quick_and_quiet(settings: Settings) -> None:
    """Hashing passwords well takes longer than most tests, and no thread works beside them."""
    settings.CACHE_HOLD = 0  # what a test changes while Redis is away shows at once
    settings.CACHE_STATS_INTERVAL = 0  # who reads the counts adds them first
    settings.CACHE_NEAR = False  # near copies are their own tests' subject
    settings.CACHE_KEEPER_INTERVAL = 0  # tests call keeper.look() when it is its turn
    settings.IIFL_BASE_URL = "http://127.0.0.1:9/v1"  # nobody's: a test that needs a broker brings its own
    settings.IIFL_LIMITS = dict.fromkeys(settings.IIFL_LIMITS, 1000)  # the limits are their own tests' subject
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def forgetful_cache() -> Iterator[None]:
    """Nothing that one test left in this process reaches the next."""
    _forget()
    yield
    _forget()


def _forget() -> None:
    fetch.forget()
    shortcut.forget()
    stats.forget()
    store.breaker.reset()
    turns.forget()
    gateway.forget_symbols()
    client.default_client.cache_clear()


@pytest.fixture
def redis_store(redis_server: RedisServer, settings: Settings) -> Iterator[RedisServer]:
    """The store on a real, empty Redis."""
    default = settings.CACHES["default"]
    # On a busy machine Redis may need longer than the site grants it, which is the failure tests' subject alone.
    options = {**default["OPTIONS"], "SOCKET_TIMEOUT": 10, "SOCKET_CONNECT_TIMEOUT": 10}
    settings.CACHES = {"default": {**default, "LOCATION": redis_server.url, "OPTIONS": options}}
    caches["default"].clear()
    # An earlier test may have used another Redis: this one is to be greeted anew.
    get_redis_connection("default").connection_pool.disconnect()
    store.breaker.reset()
    yield redis_server
    caches["default"].close()


@pytest.fixture(scope="session")
def simulator_server() -> Iterator[Simulator]:
    with Simulator(SimulatorOptions(port=0, limits=False)) as running:
        yield running


@pytest.fixture
def simulator(simulator_server: Simulator, settings: Settings) -> Iterator[Simulator]:
    """The broker: a simulator without faults, without limits, with an empty log of calls."""
    settings.IIFL_BASE_URL = simulator_server.base_url
    simulator_server.heal()
    simulator_server.reset_calls()
    yield simulator_server
    simulator_server.heal()


@pytest.fixture
def shared_data() -> Path:
    """Real market data beside the project; not part of it."""
    if not SHARED_DATA.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{SHARED_DATA} is missing")
        pytest.skip(f"needs the market data in {SHARED_DATA}, which is not here")
    return SHARED_DATA


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:
    def make(name: str, *permissions: str, **fields: Any) -> User:
        user = User.objects.create_user(name, password="correct horse", **fields)
        for permission in permissions:
            app, codename = permission.split(".")
            user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
        return user

    return make


def client_of(user: User) -> APIClient:
    """A program of this user's, with a token."""
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Token {ApiToken.issue(user, 'test')}")
    return api


@pytest.fixture
def trader(make_user: Callable[..., User]) -> APIClient:
    """May see the account."""
    return client_of(make_user("trader", "broker.view_account"))


@pytest.fixture
def stranger(make_user: Callable[..., User]) -> APIClient:
    """Has a login and no permission."""
    return client_of(make_user("stranger"))


@pytest.fixture
def staff(make_user: Callable[..., User]) -> APIClient:
    """Runs the site."""
    return client_of(make_user("staff", is_staff=True))


@pytest.fixture
def anonymous() -> APIClient:
    return APIClient()
