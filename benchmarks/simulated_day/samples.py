"""What the site's processes hold, looked at each second: memory, threads, files, connections."""

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import psycopg
from redis import Redis, RedisError

from benchmarks.simulated_day.processors import Processors
from benchmarks.simulated_day.servers import Servers

ESTABLISHED = "01"


@dataclass(frozen=True)
class Sample:
    """By worker: memory in MB, threads, open files. Of all: connections; None when nobody answered.

    `others`: processors that other work took.
    """

    at: float
    memory: dict[int, float]
    threads: dict[int, int]
    files: dict[int, int]
    redis: int | None
    database: int | None
    broker: int
    others: float


@dataclass
class Sampler:
    servers: Servers
    taken: list[Sample] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._processors = Processors()
        self._workers = self.servers.workers
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._database = psycopg.connect(self.servers.database) if self._is_postgres() else None
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()
        if self._database:
            self._database.close()

    def _is_postgres(self) -> bool:
        return self.servers.database.startswith("postgres")

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            self.taken.append(self._sample())

    def _sample(self) -> Sample:
        workers = [pid for pid in self._workers if Path(f"/proc/{pid}").exists()]
        backends = self._database_clients()
        status = {pid: _status(pid) for pid in workers}
        return Sample(
            monotonic(),
            {pid: status[pid]["VmRSS"] / 1024 for pid in workers},
            {pid: status[pid]["Threads"] for pid in workers},
            {pid: len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in workers},
            self._redis_clients(),
            None if backends is None else len(backends),
            _connections_to(self.servers.broker_port),
            self._processors.others(backends or ()),
        )

    def _redis_clients(self) -> int | None:
        with suppress(RedisError), Redis.from_url(self.servers.redis.url, socket_timeout=0.3) as redis:
            return len(redis.client_list()) - 1
        return None

    def _database_clients(self) -> list[int] | None:
        """The server's process of each."""
        if self._database is None:
            return None
        question = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        found = [int(row[0]) for row in self._database.execute(question)]
        self._database.rollback()
        return found


def _status(pid: int) -> dict[str, int]:
    lines = (line.partition(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {name: int(text.split()[0]) for name, _, text in lines if name in ("VmRSS", "Threads")}


def _connections_to(port: int) -> int:
    """Established TCP connections of this machine to a local port, each once: a table that changes may repeat lines."""
    lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return len({line[1] for line in lines if line[2].endswith(f":{port:04X}") and line[3] == ESTABLISHED})
