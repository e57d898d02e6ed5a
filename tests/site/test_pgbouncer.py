"""The site behind pgbouncer in transaction mode: reads, writes and invalidations work, connections stay bounded."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import requests

from broker.simulator import Simulator
from tests.site.conftest import Deployment
from tests.support.programs import leave_out, only_linux
from testservers import pgbouncer
from testservers.pgbouncer import PgBouncer
from testservers.postgres import own_database
from testservers.redis_server import RedisServer
from testservers.web_server import WebServer, prepare

pytestmark = [only_linux, pytest.mark.slow, pytest.mark.timeout(240)]

CONNECTIONS = 3


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    server, slash, _ = os.environ.get("DATABASE_URL", "").rpartition("/")
    if not slash or server.startswith("sqlite"):
        leave_out("there is no PostgreSQL")
    with own_database(server, "pgbouncer") as address:
        yield address


@pytest.fixture(scope="module")
def pooled(
    database: str, own_redis: RedisServer, broker: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    if not pgbouncer.EXECUTABLE:
        leave_out("pgbouncer is not installed")
    with PgBouncer(database, connections=CONNECTIONS) as pooler:
        environment = {"DATABASE_URL": pooler.url, "REDIS_URL": own_redis.url, "IIFL_BASE_URL": broker.base_url}
        token = prepare(environment)
        with WebServer(tmp_path_factory.mktemp("pooled"), environment, workers=2) as server:
            yield Deployment(server, token, environment)


def test_reads_writes_and_invalidations_go_through_transactions_of_any_connection(
    pooled: Deployment, database: str
) -> None:
    item = pooled.get("/api/watchlist").json()["data"][0]["id"]
    headers = {"Authorization": f"Token {pooled.token}"}

    def write_and_read(number: int) -> int:
        answer = requests.patch(
            f"{pooled.url}/api/watchlist/{item}", json={"notes": str(number)}, headers=headers, timeout=60
        )
        assert answer.status_code == 200, answer.text
        return pooled.get("/api/watchlist?active=all").status_code

    with ThreadPoolExecutor(16) as callers:
        assert set(callers.map(write_and_read, range(60))) == {200}
    last = requests.patch(f"{pooled.url}/api/watchlist/{item}", json={"notes": "last"}, headers=headers, timeout=60)
    assert last.status_code == 200
    for _ in range(6):
        rows = pooled.get("/api/watchlist?active=all").json()["data"]
        assert next(row["notes"] for row in rows if row["id"] == item) == "last"
    name = database.rpartition("/")[2]
    with psycopg.connect(database) as connection:
        (count,) = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()", [name]
        ).fetchone() or (None,)
    assert count is not None
    assert count <= CONNECTIONS


def test_every_check_of_the_site_is_content(pooled: Deployment) -> None:
    assert requests.get(f"{pooled.url}/readyz", timeout=30).text == "ready\n"
    assert pooled.get("/api/system/health").json()["status"] == "up"
