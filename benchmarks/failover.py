"""After a failover: how long the site is without a cache, and how long a process that is left behind goes on."""

import http.client
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from redis import Redis

from benchmarks.serving import granian
from benchmarks.targets import Targets
from testservers.redis_proxy import RedisProxy
from testservers.redis_server import RedisServer
from testservers.web_server import prepare

PATH = "/api/settings"
ROUNDS = 10
DOWN = 1.0  # seconds between the end of the primary and its successor
PATIENCE = 30.0  # seconds


@dataclass(frozen=True)
class Row:
    """Milliseconds."""

    name: str
    rounds: int
    median: float
    longest: float


class _Site:
    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self._headers = {"Authorization": f"Token {token}"}

    def state(self) -> str:
        self._connection.request("GET", PATH, headers=self._headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.headers["X-Cache"]

    def uses_redis(self) -> bool:
        return self.state() in ("hit", "miss")


def run(targets: Targets) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            _row("killed: without a cache after the new primary", _without_cache(Path(folder) / "killed")),
            _row("split brain: a process that is left goes on", _left_behind(Path(folder) / "split")),
        ]
    print(f"{'milliseconds':50}{'rounds':>8}{'median':>9}{'longest':>9}")
    for row in rows:
        print(f"{row.name:50}{row.rounds:>8}{row.median:>9.0f}{row.longest:>9.0f}")
        targets.at_most(f"{row.name}: longest / 1 s", row.longest / 1000, 1.0)
    return rows


def _row(name: str, taken: list[float]) -> Row:
    ordered = sorted(taken)
    return Row(name, len(ordered), ordered[len(ordered) // 2], ordered[-1])


def _without_cache(folder: Path) -> list[float]:
    environment, token = _own_database(folder)
    taken = []
    with RedisServer(folder / "a") as first, RedisServer(folder / "b") as second, RedisProxy(first.port) as proxy:
        servers = [first, second]
        with granian(**environment, REDIS_URL=proxy.url) as port:
            site = _Site(port, token)
            for _ in range(ROUNDS):
                primary, replica = servers
                _follow(replica, primary)
                _until(site.uses_redis)
                primary.kill()
                end = perf_counter() + DOWN
                while perf_counter() < end:
                    site.state()
                _promote(replica)
                proxy.repoint(replica.port)
                taken.append(_until(site.uses_redis))
                primary.restart(empty=True)
                servers.reverse()
    return taken


def _left_behind(folder: Path) -> list[float]:
    environment, token = _own_database(folder)
    taken = []
    with (
        RedisServer(folder / "a") as first,
        RedisServer(folder / "b") as second,
        RedisProxy(first.port) as way,
        RedisProxy(first.port) as other_way,
    ):
        servers = [first, second]
        with (
            granian(**environment, REDIS_URL=way.url) as port,
            granian(**environment, REDIS_URL=other_way.url) as other_port,
        ):
            site, left = _Site(port, token), _Site(other_port, token)
            for _ in range(ROUNDS):
                old, new = servers
                _follow(new, old)
                _until(site.uses_redis)
                _until(left.uses_redis)
                _promote(new)
                way.repoint(new.port)
                way.cut()
                site.state()  # its connections are cut: it finds the new one
                _until(site.uses_redis)
                taken.append(_until(lambda: not left.uses_redis()))
                other_way.repoint(new.port)
                other_way.cut()
                servers.reverse()
    return taken


def _own_database(folder: Path) -> tuple[dict[str, str], str]:
    """A database of its own names the Redis that its site uses; a token of the administrator."""
    folder.mkdir()
    environment = {"DATABASE_URL": f"sqlite:///{folder}/site.sqlite3"}
    return environment, prepare(environment)


def _follow(replica: RedisServer, primary: RedisServer) -> None:
    with Redis.from_url(replica.url) as redis:
        redis.replicaof("127.0.0.1", primary.port)
        _until(lambda: redis.info("replication")["master_link_status"] == "up")


def _promote(replica: RedisServer) -> None:
    with Redis.from_url(replica.url) as redis:
        redis.replicaof("NO", "ONE")


def _until(holds: Callable[[], object]) -> float:
    """Milliseconds until it held. Raises TimeoutError."""
    started = perf_counter()
    while not holds():
        if perf_counter() - started > PATIENCE:
            raise TimeoutError(f"not within {PATIENCE:g} s")
        time.sleep(0.002)
    return 1000 * (perf_counter() - started)
