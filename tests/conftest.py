"""People, servers and clean stores for all tests."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import caches
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django_redis import get_redis_connection
from hypothesis import settings as hypothesis_settings
from pytest_django import DjangoDbBlocker
from pytest_django.fixtures import Settings
from redis import Redis
from rest_framework.test import APIClient

from broker.calendar import trading_hours
from broker.iifl import rate_limiter
from broker.simulator import Simulator, SimulatorOptions
from systemcache import process_state
from systemcache.models import Cache
from systemcache.storage.breaker import breaker
from tests.support.flushing import flush, remember_initial_rows
from tests.support.market_data import SHARED_DATA, write_sample
from tests.support.people import client_of
from tests.support.programs import leave_out
from tests.support.redis import use_redis
from testservers.managed_redis import ManagedRedis
from testservers.redis_server import RedisServer

# A busy machine may keep any example waiting.
hypothesis_settings.register_profile("patient", deadline=None)
hypothesis_settings.load_profile("patient")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Close pools: one that was looked at before the tests' own database was made is for another database."""
    for connection in connections.all():
        if isinstance(connection, DatabaseWrapper):
            connection.close_pool()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        remember_initial_rows(DEFAULT_DB_ALIAS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.test.testcases.call_command", flush)
        yield


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A real redis-server of this test process's own; with TEST_REDIS_MANAGED one behind what services put there."""
    kind = ManagedRedis if os.environ.get("TEST_REDIS_MANAGED") else RedisServer
    with kind(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(autouse=True)
def quick_and_quiet(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits, for a slow password hash or a rate limit, and no thread works beside a test."""
    settings.CACHE_DEGRADED_HOLD = 0  # what a test changes while Redis is away shows at once
    settings.CACHE_STATS_INTERVAL = 0  # who reads the counts adds them first
    settings.CACHE_AUDIT_EVERY = 0  # the auditor's thread reads a database that a test's transaction hides
    settings.CACHE_NEAR = False  # near copies are their own tests' subject
    settings.ALERT_INTERVAL = 0  # likewise watcher.step()
    settings.CACHE_RECOVERY_INTERVAL = 0  # tests call recovery.run_once() themselves
    settings.IIFL_BASE_URL = "http://127.0.0.1:9/v1"  # nobody's: a test that needs a broker brings its own
    settings.IIFL_STREAM_URL = ""  # nor is there a stream
    # The limits are their own tests' subject. Without Redis the first call waits for a window.
    settings.IIFL_LIMITS = dict.fromkeys(settings.IIFL_LIMITS, 1000)
    monkeypatch.setattr(rate_limiter, "WINDOW", 0.01)
    settings.WHITENOISE_AUTOREFRESH = True  # each test has its own middleware: it need not list all static files
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def closed_market(monkeypatch: pytest.MonkeyPatch) -> None:
    """The market is closed at the time at which the tests run; a test that needs it open brings a time of its own.

    While it is open, books beside an open order are kept for seconds.
    """
    known = trading_hours.seconds_until_open

    def seconds_until_open(now: datetime, exchange: str = "") -> float:
        is_real_time = abs(now - datetime.now(UTC)) < timedelta(minutes=1)
        return timedelta(days=1).total_seconds() if is_real_time else known(now, exchange)

    monkeypatch.setattr(trading_hours, "seconds_until_open", seconds_until_open)


@pytest.fixture(autouse=True)
def fresh_process_state() -> Iterator[None]:
    """Nothing that one test left in this process reaches the next."""
    process_state.reset()
    yield
    process_state.reset()


@pytest.fixture
def redis_store(redis_server: RedisServer, settings: Settings) -> Iterator[RedisServer]:
    """The store on a real, empty Redis."""
    use_redis(settings, redis_server.url)
    caches["default"].clear()
    # An earlier test may have used another Redis: connections have to check this one's epoch again.
    get_redis_connection("default").connection_pool.disconnect()
    breaker.reset()
    yield redis_server
    caches["default"].close()


@pytest.fixture
def redis(redis_store: RedisServer) -> Iterator[Redis]:
    """A connection beside the site's own, to look at what is stored."""
    with Redis.from_url(redis_store.own_url) as connection:
        yield connection


@pytest.fixture(scope="session")
def simulator_server() -> Iterator[Simulator]:
    with Simulator(SimulatorOptions(port=0, limits=False)) as running:
        yield running


@pytest.fixture
def simulator(simulator_server: Simulator, settings: Settings) -> Iterator[Simulator]:
    """The broker: a simulator without faults, without limits, at its own prices, with an empty log of calls."""
    settings.IIFL_BASE_URL = simulator_server.base_url
    simulator_server.clear_faults()
    simulator_server.clear_calls()
    yield simulator_server
    simulator_server.clear_faults()
    simulator_server.release_prices()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real market data beside the project, for tests that nothing else can pass or fail."""
    if not SHARED_DATA.is_dir():
        leave_out("only the real files of ../shared/data can show this, and they are not here")
    return SHARED_DATA


@pytest.fixture(scope="session")
def market_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real market data, or a sample of it where that is not beside the project."""
    if SHARED_DATA.is_dir():
        return SHARED_DATA
    if os.environ.get("CI") == "true":
        pytest.fail("../shared/data is not here, and with CI=true it has to be", pytrace=False)
    return write_sample(tmp_path_factory.mktemp("market_data"))


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:
    def make(name: str, *permissions: str, **fields: Any) -> User:
        user = User.objects.create_user(name, password="correct horse", **fields)
        for permission in permissions:
            app, codename = permission.split(".")
            user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
        return user

    return make


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
    return client_of(make_user("staff", Cache.VIEW, Cache.CLEAR, is_staff=True))


@pytest.fixture
def anonymous() -> APIClient:
    return APIClient()
