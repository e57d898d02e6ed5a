"""A site of one process: the stream's, on a Redis and a database of its own, with people who may read."""

import json
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from django_redis import get_redis_connection
from pytest_django.fixtures import Settings

from broker.simulator import Simulator, SimulatorOptions
from systemcache.storage import event_log
from systemcache.storage.breaker import breaker
from systemcache.storage.event_log import NewEvent
from tests.support.redis import use_redis
from tests.support.waiting import eventually
from testservers.event_reader import EventReader
from testservers.ports import free_port
from testservers.redis_server import RedisServer
from testservers.stream_server import StreamProcess
from testservers.web_server import manage, prepare

READERS = 12
PEOPLE = f"""
import json
from django.contrib.auth.models import Permission, User
from systemcache.models import ApiToken
see = Permission.objects.get(content_type__app_label="broker", codename="view_account")
tokens = dict()
for name in ["stranger", *("reader%d" % number for number in range({READERS}))]:
    user = User.objects.create_user(name, password="correct horse")
    if name != "stranger":
        user.user_permissions.add(see)
    tokens[name] = ApiToken.issue(user, "test")
reader = User.objects.get(username="reader0")
tokens["metrics"] = ApiToken.issue(reader, "metrics", scope="metrics")
tokens["read"] = ApiToken.issue(reader, "read", scope="read")
print(json.dumps(tokens))
"""


@dataclass
class StreamSite:
    """The stream process, and what stands behind it."""

    process: StreamProcess
    redis: RedisServer
    folder: Path
    environment: dict[str, str]
    tokens: dict[str, str]

    @property
    def url(self) -> str:
        return self.process.url

    @property
    def origin(self) -> str:
        """The site's own, where nobody listens: the pages' port is another than the stream's."""
        return f"http://127.0.0.1:{self.environment['PORT']}"

    def sql(self, statement: str, *params: object) -> list[Any]:
        """Run a statement as another program does."""
        with closing(sqlite3.connect(self.folder / "site.sqlite3", timeout=60)) as connection, connection:
            return connection.execute(statement, params).fetchall()

    def kill(self) -> None:
        """Kill the server; its worker ends with it."""
        self.process.send(signal.SIGKILL)
        self.process.exit_code()

    def restart(self) -> None:
        """Kill the process, and start another at the same address."""
        if not self.process.ended:
            self.kill()
        self.process.stop()
        self.process = StreamProcess(self.folder, self.environment, port=self.process.port)


@pytest.fixture(scope="module")
def started_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StreamSite]:
    folder = tmp_path_factory.mktemp("stream")
    with RedisServer(folder / "redis") as redis, Simulator(SimulatorOptions(port=0, limits=False)) as broker:
        environment = {
            "DATABASE_URL": f"sqlite:///{folder}/site.sqlite3",
            "REDIS_URL": redis.url,
            "IIFL_BASE_URL": broker.base_url,
            "IIFL_STREAM_URL": "off",
            "TRADING_ENABLED": "true",
            "REDIS_TIMEOUT": "5",
            "PORT": str(free_port()),
        }
        admin = prepare(environment)
        tokens = json.loads(manage("shell", "--no-imports", "-c", PEOPLE, environment=environment).splitlines()[-1])
        site = StreamSite(StreamProcess(folder, environment), redis, folder, environment, {"admin": admin, **tokens})
        try:
            yield site
        finally:
            site.process.stop()


@pytest.fixture
def site(started_site: StreamSite, settings: Settings) -> StreamSite:
    """The site; this test's process writes to its event log."""
    use_redis(settings, started_site.redis.url)
    get_redis_connection("default").connection_pool.disconnect()
    breaker.reset()
    return started_site


Read = Callable[..., EventReader]


@pytest.fixture
def read(site: StreamSite) -> Iterator[Read]:
    """Opens streams, by default an administrator's, and closes them."""
    opened: list[EventReader] = []

    def open_stream(query: str = "", *, token: str | None = None, **options: Any) -> EventReader:
        reader = EventReader(site.url + query, site.tokens["admin"] if token is None else token, **options)
        opened.append(reader)
        if reader.status == 200:
            eventually(lambda: bool(reader.fields) or reader.ended)
        return reader

    yield open_stream
    for reader in opened:
        reader.close()


def publish(*numbers: int, kind: str = "order") -> None:
    event_log.append([NewEvent(kind, str(number), b'{"number":%d}' % number) for number in numbers])


def publish_prices(symbols: int, rounds: int, size: int = 20) -> None:
    """Write prices of NSEEQ:S0, NSEEQ:S1 and so on; `size` bytes each at the least."""
    for number in range(rounds):
        data = b'{"round":%d,"padding":"%b"}' % (number, b"x" * size)
        event_log.append([NewEvent("quote", f"NSEEQ:S{symbol}", data, lasting=False) for symbol in range(symbols)])


def numbers(reader: EventReader, *names: str) -> list[int]:
    return [row["number"] for row in reader.rows(*(names or ("order",)))]


def wait_for(reader: EventReader, number: int) -> None:
    """Wait until the reader has been sent the order of this number."""
    eventually(lambda: number in numbers(reader))


def wait_for_the_log(read: Read) -> None:
    """Wait until the process has read what was published so far, by an earlier test too."""
    reader = read("?events=order")
    publish(-1)
    wait_for(reader, -1)
    reader.close()


def log_in(site: StreamSite, name: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    address = f"{site.process.site}/api/auth/login/"
    session.get(address, timeout=60)
    form = {"username": name, "password": "correct horse", "csrfmiddlewaretoken": session.cookies["csrftoken"]}
    assert session.post(address, data=form, timeout=60, allow_redirects=False).status_code == 302
    return session


def cookie_of(session: requests.Session) -> str:
    return f"sessionid={session.cookies['sessionid']}"
