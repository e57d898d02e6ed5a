"""A process killed between the commit of a write and its invalidation: what it owed is paid by others, in time."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.waiting import eventually
from tests.systemcache.promises import database
from tests.systemcache.promises.processes import PATIENCE, start, stop
from testservers.redis_server import RedisServer

RECOVERY_INTERVAL = 0.5  # seconds: CACHE_RECOVERY_INTERVAL as the site has it
BOUND = 3.0  # seconds, on a busy machine
ROUNDS = 3
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


class Stage:
    """A database, a Redis, and processes on them."""

    def __init__(self, address: str, redis: RedisServer) -> None:
        self._address = address
        self._variables = {"DATABASE_URL": address, "REDIS_URL": redis.url, "PROMISES_RECOVERY": str(RECOVERY_INTERVAL)}
        self._running: list[subprocess.Popen[str]] = []

    def start(self, role: str) -> "subprocess.Popen[str]":
        process = start("crash", role, **self._variables)
        self._running.append(process)
        return process

    def crash(self) -> dict[str, Any]:
        """The number that a process has written before it was killed, and when that was."""
        doomed = self.start("crasher")
        told = next_line(doomed)
        assert doomed.wait(PATIENCE) == -9
        return told

    def pending(self) -> int:
        with psycopg.connect(self._address) as connection:
            row = connection.execute("SELECT count(*) FROM systemcache_pendinginvalidation").fetchone()
        assert row
        return int(row[0])

    def stop(self) -> None:
        for process in self._running:
            stop(process)


def next_line(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout
    told: dict[str, Any] = json.loads(process.stdout.readline())
    return told


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with database.migrated() as address, RedisServer(tmp_path / "redis") as redis:
        assert os.environ["REDIS_URL"] != redis.url
        stage = Stage(address, redis)
        yield stage
        stage.stop()


def test_what_a_killed_process_has_written_is_seen_by_others_within_the_replay_bound(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    watcher = stage.start("watcher")
    assert next_line(watcher)["number"] == 0
    took = []
    for number in range(1, ROUNDS + 1):
        written = stage.crash()
        seen = next_line(watcher)
        assert (written["number"], seen["number"]) == (number, number)
        took.append(seen["at"] - written["at"])
    with capsys.disabled():
        print(f"\nreplayed after {', '.join(f'{seconds:.2f}' for seconds in took)} s (interval {RECOVERY_INTERVAL} s)")
    assert max(took) < BOUND
    eventually(lambda: stage.pending() == 0, BOUND)


def test_a_process_that_starts_after_the_crash_of_the_only_one_never_shows_the_old_value(stage: Stage) -> None:
    for number in range(1, ROUNDS + 1):
        assert stage.crash()["number"] == number  # has filled the cache with the number before
        assert stage.pending() == 1
        newcomer = stage.start("watcher")
        assert next_line(newcomer)["number"] == number
        stop(newcomer)
        assert stage.pending() == 0
