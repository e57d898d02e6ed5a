"""A process that was stopped, or whose machine was suspended: for how long it shows what was replaced meanwhile."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.waiting import eventually
from tests.systemcache.promises.board import BOOTTIME_IS_LATE, MONOTONIC_IS_LATE, WENT_ON, Board
from tests.systemcache.promises.other_program import Database
from tests.systemcache.promises.processes import PATIENCE, ROOT, results, start, stop
from tests.systemcache.promises.world import OTHER_PROGRAM
from testservers.redis_server import RedisServer

STOPPED = 2.0  # seconds
ROUNDS = 5
NEVER = 2**62  # nanoseconds
BOUND = 0.5  # seconds: a round of recovery
SLACK = 1.0  # seconds, for a machine that does other things, too
WRITES = {
    "setting": f"UPDATE watchlist_tradingsetting SET value = '{{}}' WHERE \"key\" = 'lane_{OTHER_PROGRAM}'",
    "token": "UPDATE auth_user SET is_active = 1 - {}",
}
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Stage:
    """A database, a Redis, and processes on them that read."""

    def __init__(self, directory: Path, redis: RedisServer) -> None:
        address = f"sqlite:///{directory}/site.sqlite3"
        self._variables = {"DATABASE_URL": address, "REDIS_URL": redis.url, "PROMISES_RECOVERY": str(BOUND)}
        environment = {**os.environ, **self._variables}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=ROOT, env=environment, check=True)
        self.board = Board(directory / "board")
        self.database = Database(address, random.Random(0))
        self._running: list[subprocess.Popen[str]] = []
        maker = self._start("prepare_world")
        self._token = str(results([maker], PATIENCE)[0]["token"])

    def reader(self, kind: str) -> "subprocess.Popen[str]":
        reader = self._start("stopped", kind, self._token)
        assert next_line(reader)["state"] == 0
        return reader

    def halt(self, reader: "subprocess.Popen[str]") -> None:
        """Stop a process a round after all is carried out: one that deletes a record would keep the database locked."""
        self.board[WENT_ON] = NEVER
        eventually(lambda: self._pending() == 0)
        time.sleep(2 * BOUND)
        reader.send_signal(signal.SIGSTOP)

    def _pending(self) -> int:
        with closing(sqlite3.connect(self.database.file)) as connection:
            (number,) = connection.execute("SELECT count(*) FROM systemcache_pendinginvalidation").fetchone()
        return int(number)

    def go_on(self, reader: "subprocess.Popen[str]", clocks: tuple[int, ...]) -> float:
        """Let a stopped process go on, with clocks that stood still for as long as it was stopped."""
        for late in clocks:
            self.board[late] += int(STOPPED * 1e9)
        went_on = time.monotonic()
        self.board[WENT_ON] = int(went_on * 1e9)
        reader.send_signal(signal.SIGCONT)
        return went_on

    def stop(self) -> None:
        for process in self._running:
            stop(process)
        self._running.clear()
        self.board.clear()
        for write in WRITES.values():
            self.database.run(write.format(0))

    def _start(self, module: str, *arguments: str) -> "subprocess.Popen[str]":
        process = start(module, str(self.board.path), *arguments, **self._variables)
        self._running.append(process)
        return process


def next_line(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout
    told: dict[str, Any] = json.loads(process.stdout.readline())
    return told


@pytest.fixture(scope="module")
def common_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("stage")
    with RedisServer(directory / "redis") as redis:
        yield Stage(directory, redis)


@pytest.fixture
def stage(common_stage: Stage) -> Iterator[Stage]:
    yield common_stage
    common_stage.stop()


@pytest.mark.parametrize("kind", WRITES)
def test_the_only_process_with_redis_is_stopped_while_another_program_writes(
    stage: Stage, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody tells Redis before it goes on: it does so itself, in its next round of recovery."""
    reader = stage.reader(kind)
    took, stale = [], 0
    for _ in range(ROUNDS):
        stage.halt(reader)
        stage.database.run(WRITES[kind].format(1))
        time.sleep(STOPPED)
        went_on = stage.go_on(reader, ())
        shown = next_line(reader)
        took.append(shown["at"] - went_on)
        stale += shown["stale"]
        stage.database.run(WRITES[kind].format(0))
        assert next_line(reader)["state"] == 0
    with capsys.disabled():
        print(f"\n{kind}: {stale} stale reads in {ROUNDS} rounds, for {max(took):.3f} s at the most after it went on")
    assert max(took) < BOUND + SLACK


@pytest.mark.parametrize(
    ("clocks", "bound"),
    [
        pytest.param((MONOTONIC_IS_LATE,), 0, id="suspended"),
        pytest.param((MONOTONIC_IS_LATE, BOOTTIME_IS_LATE), BOUND + SLACK, id="a virtual machine that was paused"),
    ],
)
def test_a_process_whose_machine_was_suspended_while_a_token_was_revoked(
    stage: Stage, clocks: tuple[int, ...], bound: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another process has told Redis: whoever asks it is told so, and near copies are not shown for want of a clock."""
    other, reader = stage.reader("token"), stage.reader("token")
    took, stale = [], 0
    for _ in range(ROUNDS):
        stage.halt(reader)
        stage.database.run(WRITES["token"].format(1))
        assert next_line(other)["state"] == 1
        time.sleep(STOPPED)
        went_on = stage.go_on(reader, clocks)
        shown = next_line(reader)
        took.append(shown["at"] - went_on)
        stale += shown["stale"]
        stage.database.run(WRITES["token"].format(0))
        assert next_line(other)["state"] == next_line(reader)["state"] == 0
    with capsys.disabled():
        print(f"\n{stale} stale reads in {ROUNDS} rounds, for {max(took):.3f} s at the most after it went on")
    assert stale == 0 if bound == 0 else max(took) < bound
