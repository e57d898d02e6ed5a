"""Processes that tests start, with all that those start in turn. Linux only."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.infra.waiting import is_running
from tradingsite.embedded_redis import die_with_parent

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

POLL_INTERVAL = 0.05


def children_of(pid: int) -> list[int]:
    """Its living children and theirs, the children first."""
    found = [child for child, parent in _parents().items() if parent == pid and is_running(child)]
    return found + [grandchild for child in found for grandchild in children_of(child)]


def _parents() -> dict[int, int]:
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    return parents


def command_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]


class Program:
    """A command in the background, its output in a file. Start it from the main thread: it ends with that."""

    def __init__(self, command: Sequence[str], *, log: Path, cwd: Path, environment: Mapping[str, str]) -> None:
        self._log = log
        self._children: set[int] = set()
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def wait_until(self, holds: Callable[[], bool], seconds: float = 60.0) -> None:
        """Fails with the output when the program ends first, or time does."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert not self.ended, f"it ended with {self._process.returncode}: {self.output}"
            assert time.monotonic() < deadline, f"not within {seconds:g} s: {self.output}"
            time.sleep(POLL_INTERVAL)

    def send(self, number: signal.Signals) -> None:
        self._children.update(children_of(self.pid))  # an orphan is nobody's child any more
        self._process.send_signal(number)

    def exit_code(self, seconds: float = 30.0) -> int:
        return self._process.wait(seconds)

    def stop(self) -> None:
        """Politely, then not: nothing that it started is left, whatever state it is in."""
        self._children.update(children_of(self.pid))
        if not self.ended:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(20)
        for pid in (self.pid, *self._children):
            if is_running(pid):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
