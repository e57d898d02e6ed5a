"""Whole sites: one as `manage.py runsite` starts it, one on real servers, one with next to nothing."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import requests
from playwright.sync_api import Browser, ViewportSize

from broker.simulator import Simulator, SimulatorOptions
from tests.site.browsing import CHROMIUM, DESKTOP, PHONE, open_browser
from tests.support.programs import leave_out
from tests.support.runsite import RunningSite
from testservers.project import copy_to
from testservers.redis_server import RedisServer
from testservers.web_server import WebServer, prepare

TIMEOUT = 30.0
# A folder's name that has to be quoted in a shell and in an address.
AWKWARD_NAME = "my site #1, 50%"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        leave_out(f"{CHROMIUM} is not installed")
    with open_browser() as opened:
        yield opened


@pytest.fixture(
    params=[pytest.param(DESKTOP, id="desktop"), pytest.param(PHONE, id="phone", marks=pytest.mark.slow)],
)
def size(request: pytest.FixtureRequest) -> ViewportSize:
    """A desktop in the quick tests, unless a test is marked `at_both_sizes`."""
    found: ViewportSize = request.param
    return found


@pytest.fixture(scope="session", autouse=True)
def no_proxies() -> None:
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"


@pytest.fixture
def make_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., RunningSite]]:
    """Starts sites, each in a copy of the project of its own, unless it is told a `project`."""
    started: list[RunningSite] = []

    def make(project: Path | None = None, **environment: str) -> RunningSite:
        folder = project or copy_to(tmp_path_factory.mktemp("run") / "site")
        started.append(site := RunningSite(folder, environment))
        return site

    yield make
    for site in started:
        site.stop()


@pytest.fixture(scope="session")
def real_data(market_data: Path) -> dict[str, str]:
    """The environment of a site that replays files of candles and contracts."""
    return {
        "SIMULATOR_DATA": str(market_data / "candles_daily"),
        "SIMULATOR_CONTRACTS": str(market_data / "contracts" / "NSEEQ.json"),
    }


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    """One as on a fresh machine; tests add to it and take nothing away."""
    with RunningSite(copy_to(tmp_path_factory.mktemp("run") / AWKWARD_NAME)) as running:
        yield running


@dataclass(frozen=True)
class Deployment:
    """A site behind Granian, with a token of its administrator's."""

    server: WebServer
    token: str
    environment: dict[str, str]

    @property
    def url(self) -> str:
        return self.server.url

    def get(self, route: str) -> requests.Response:
        """Over a connection of its own, so that any worker may answer."""
        headers = {"Authorization": f"Token {self.token}", "Connection": "close"}
        return requests.get(self.url + route, headers=headers, timeout=TIMEOUT)

    def session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.headers["Authorization"] = f"Token {self.token}"
        return session


@pytest.fixture(scope="session")
def broker() -> Iterator[Simulator]:
    """A simulator whose time stands still, so that two sites see the same prices."""
    now = datetime.now().astimezone()
    with Simulator(SimulatorOptions(port=0, limits=False), clock=lambda: now) as running:
        yield running


@pytest.fixture(scope="session")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def own_database() -> Iterator[str]:
    """The address of a new PostgreSQL database on the run's server."""
    run = urlsplit(os.environ["DATABASE_URL"])
    if not run.scheme.startswith("postgres"):
        leave_out("there is no PostgreSQL")
    name = f"tradingsite_site_{os.getpid()}"
    maintenance = urlunsplit(run._replace(path="/postgres"))
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield urlunsplit(run._replace(path=f"/{name}"))
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def deployment(
    own_database: str, own_redis: RedisServer, broker: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    """Two Granian workers on PostgreSQL and Redis."""
    environment = {"DATABASE_URL": own_database, "REDIS_URL": own_redis.url, "IIFL_BASE_URL": broker.base_url}
    token = prepare(environment)
    with WebServer(tmp_path_factory.mktemp("web"), environment, workers=2) as server:
        yield Deployment(server, token, environment)


@pytest.fixture(scope="session")
def plain_deployment(broker: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One worker on SQLite; no Redis answers."""
    folder = tmp_path_factory.mktemp("plain")
    environment = {
        "DATABASE_URL": f"sqlite:///{folder}/site.sqlite3",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "IIFL_BASE_URL": broker.base_url,
    }
    token = prepare(environment)
    with WebServer(folder, environment) as server:
        yield Deployment(server, token, environment)
