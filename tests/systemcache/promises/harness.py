"""The consistency harness: readers and writers, in processes and over HTTP, on one PostgreSQL and one Redis."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import requests

from tests.support.waiting import eventually
from tests.systemcache.promises import other_program, world
from tests.systemcache.promises.board import Board
from tests.systemcache.promises.processes import PATIENCE, ROOT, environment, results, start, stop
from testservers.ports import free_port
from tradingsite.processes import ChildProcess

READERS = 3  # processes of three threads each
FIRST_COUNT = world.COUNTS
WRITERS = world.LANES - 1 + len(other_program.WAYS)  # threads
WRITE_COUNTS = range(FIRST_COUNT, FIRST_COUNT + WRITERS)
READ_COUNTS = range(FIRST_COUNT + WRITERS, FIRST_COUNT + WRITERS + 3 * (READERS + 1))


@dataclass
class Outcome:
    """What all readers and writers together have done and seen."""

    reads: int = 0
    writes: int = 0
    over_http: int = 0
    stale: int = 0
    seconds: float = 0.0
    lag: float = 0.0  # seconds, the largest, of the other program's writes
    examples: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    breakers: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        return (
            f"{self.reads} reads ({self.over_http} over HTTP), {self.writes} writes in {self.seconds:.1f} s: "
            f"{self.stale} stale" + (f", another program's writes show after {self.lag:.3f} s" if self.lag else "")
        )


class Harness:
    """`seed` decides who does what; in which order it happens is the machine's affair.

    With `bound` (seconds) a program writes that the site does not know, and all read over HTTP.
    """

    def __init__(self, board: Board, seed: int, bound: float = 0.0, /, **variables: str) -> None:
        self.bound = bound
        self.board, self.seed, self._variables = board, seed, {"PROMISES_RECOVERY": "0.5", **variables}

    @property
    def reads(self) -> int:
        return sum(self.board[index] for index in READ_COUNTS)

    @property
    def writes(self) -> int:
        return sum(self.board[index] for index in WRITE_COUNTS)

    def run(self, *, reads: int, writes: int, seconds: float) -> Outcome:
        token = self._make_world()
        with site(**self._variables) as address, ExitStack() as running:
            began = time.monotonic()
            workers = [self._start(running, **order) for order in self._orders(address, token)]
            while time.monotonic() < began + seconds and (self.reads < reads or self.writes < writes):
                assert all(worker.poll() is None for worker in workers), "a worker has ended by itself"
                time.sleep(0.1)
            self.board[world.STOP] = 1
            return self._outcome(workers, time.monotonic() - began)

    def _orders(self, address: str, token: str) -> Iterator[dict[str, object]]:
        http = {"address": address, "token": token}
        for lane in range(world.OTHER_PROGRAM - 1):
            yield {"role": "writer", "lane": lane, "count": WRITE_COUNTS[lane]}
        lane = world.OTHER_PROGRAM - 1
        yield {"role": "http_writer", "lane": lane, "count": WRITE_COUNTS[lane], **http}
        if self.bound:
            yield {"role": "other_program", "bound": self.bound, "count": WRITE_COUNTS[world.OTHER_PROGRAM]}
        for number in range(READERS):
            how = {"role": "http_reader", **http} if self.bound else {"role": "reader"}
            yield {"count": READ_COUNTS[3 * number], **how}
        if not self.bound:
            yield {"role": "http_reader", "count": READ_COUNTS[3 * READERS], **http}

    def _start(self, running: ExitStack, **order: object) -> "subprocess.Popen[str]":
        seed = f"{self.seed} {order['role']} {order['count']}"
        text = json.dumps({"board": str(self.board.path), "seed": seed, **order})
        worker = start("worker", text, **self._variables)
        running.callback(stop, worker)
        return worker

    def _make_world(self) -> str:
        maker = start("prepare_world", str(self.board.path), **self._variables)
        try:
            return str(results([maker], PATIENCE)[0]["token"])
        finally:
            stop(maker)

    def _outcome(self, workers: "list[subprocess.Popen[str]]", seconds: float) -> Outcome:
        over_http = sum(self.board[index] for index in READ_COUNTS[0 if self.bound else 3 * READERS :])
        outcome = Outcome(self.reads, self.writes, over_http, seconds=seconds)
        for told in results(workers, PATIENCE):
            outcome.breakers.add(told["breaker"])
            for result in told["results"]:
                outcome.stale += result["stale"]
                outcome.lag = max(outcome.lag, result.get("lag", 0.0))
                outcome.examples += result["examples"]
                outcome.errors += [result["error"]] if "error" in result else []
        return outcome


@contextmanager
def site(**variables: str) -> Iterator[str]:
    """The site in two processes of four threads; its address."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--http", "1"),
        *("--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"),
        *("--workers", "2", "--blocking-threads", "4", "--workers-kill-timeout", "5"),
        "tests.systemcache.promises.site:application",
    ]
    with environment(**variables):
        running = ChildProcess("The site", command, directory=ROOT)
    try:
        eventually(lambda: running.ended or _is_up(port))
        assert not running.ended, "the site did not start"
        yield f"http://127.0.0.1:{port}"
    finally:
        running.stop()


def _is_up(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/api/system/health", timeout=5).ok
    except requests.RequestException:
        return False
