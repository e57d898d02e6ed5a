"""Processes that tests start: puppets, and workers that run by themselves. None outlives the test process."""

import itertools
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.support.waiting import eventually
from tests.systemcache.promises.board import Board
from tradingsite.embedded_redis import die_with_parent

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 60.0  # seconds that anything may take on a busy machine


def start(module: str, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
    """From the main thread: the process ends with the thread that started it."""
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.systemcache.promises.{module}", *arguments],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tradingsite.settings", **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """For processes whose environment is this one's."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def stop(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


@dataclass(frozen=True)
class Read:
    """A read that a puppet has begun."""

    puppet: "Puppet"
    id: int

    def is_loading(self) -> int:
        """Waits until its loader runs; the number that the loader has seen."""
        event = self.puppet.next_event(self.id)
        assert event["event"] == "loading", event
        return int(event["seen"])

    def has_stopped(self) -> None:
        """Waits until it stands before the step that it was told to stop at."""
        event = self.puppet.next_event(self.id)
        assert event["event"] == "stopped", event

    def go_on(self) -> Self:
        self.puppet.send(do="go_on", call=self.id)
        return self

    def finish(self, *, fail: bool = False) -> Self:
        self.puppet.send(do="finish", call=self.id, fail=fail)
        return self

    def end(self) -> dict[str, Any]:
        """Waits for its end: `value` and `state`, or `error`; `loads` is how often it loaded after `is_loading`."""
        loads = 0
        while (event := self.puppet.next_event(self.id))["event"] == "loading":
            loads += 1
        return {**event, "loads": loads}

    def value(self) -> int:
        event = self.end()
        assert event["event"] == "done", event
        return int(event["value"])

    def waits(self) -> Self:
        """Waits until it (the only one of its process) waits for the load of another process."""
        eventually(lambda: self.puppet.counts().get("lease_waits", 0) > 0)
        return self


class Puppet:
    """A process that reads as it is told."""

    def __init__(self, board: Board, **variables: str) -> None:
        self._process = start("puppet", str(board.path), **variables)
        self._ids = itertools.count(1)
        self._events: dict[int | None, queue.Queue[dict[str, Any]]] = {None: queue.Queue()}
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until_ready(self) -> Self:
        self.next_event(None)
        return self

    def read(self, family: str, name: str = "a", **how: object) -> Read:
        return Read(self, self.send(do=how.pop("do", "read"), family=family, name=name, **how))

    def do(self, what: str, **how: object) -> Any:
        return self.next_event(self.send(do=what, **how))["value"]

    def send(self, **order: object) -> int:
        number = next(self._ids)
        self._events[number] = queue.Queue()  # before the listener can look for it
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"id": number, **order}) + "\n")
        self._process.stdin.flush()
        return number

    def next_event(self, number: int | None) -> dict[str, Any]:
        return self._events[number].get(timeout=PATIENCE)

    def counts(self) -> dict[str, int]:
        """What it has counted since it was reset."""
        counts: dict[str, int] = self.do("counts")
        return counts

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            event = json.loads(line)
            self._events[event.get("id")].put(event)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        stop(self._process)


def results(processes: "list[subprocess.Popen[str]]", seconds: float) -> list[Mapping[str, Any]]:
    """What each process tells in its last line."""
    told = [process.communicate(timeout=seconds)[0].strip().splitlines() for process in processes]
    return [json.loads(lines[-1]) for lines in told]
