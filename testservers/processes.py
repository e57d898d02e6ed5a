"""Processes with all that they start in turn, none of which outlives its starter. Linux only."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from testservers.stopping import StopsAtExit
from tradingsite.embedded_redis import die_with_parent

POLL_INTERVAL = 0.05
PATIENCE = 120.0  # seconds that anything may take on a busy machine


def is_running(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # it ended in between, or there is no /proc here
        return not Path("/proc/self").exists()
    return state != "Z"


def children_of(pid: int) -> list[int]:
    """The living children of a process, followed by theirs."""
    found = [child for child, parent in _parents().items() if parent == pid and is_running(child)]
    return found + [grandchild for child in found for grandchild in children_of(child)]


def _parents() -> dict[int, int]:
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    return parents


def command_of(pid: int) -> list[str]:
    """Empty if the process has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    return []


def resident_megabytes(pid: int) -> float:
    """The memory that a process holds. Raises FileNotFoundError where there is no /proc."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _set_up_child() -> Callable[[], None]:
    """What a child does before its program: it ends with its parent, and takes Ctrl-C for what it is.

    A shell without job control has the jobs in its background ignore SIGINT, and so would all that they start.
    """
    end_with_parent = die_with_parent(signal.SIGTERM)

    def set_up() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if end_with_parent:
            end_with_parent()

    return set_up


class Program(StopsAtExit):
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
                preexec_fn=_set_up_child(),
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

    def wait_until(self, holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Raises AssertionError with the output if the program ends first, or time does."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert not self.ended, f"it ended with {self._process.returncode}: {self.output}"
            assert time.monotonic() < deadline, f"not within {seconds:g} s: {self.output}"
            time.sleep(POLL_INTERVAL)

    def wait_until_up(self, answers: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """As wait_until; a program that does not come up is stopped."""
        try:
            self.wait_until(answers, seconds)
        except BaseException:  # also KeyboardInterrupt: nobody else would stop it
            self.stop()
            raise

    def send(self, number: signal.Signals) -> None:
        self._children.update(children_of(self.pid))  # an orphan is nobody's child any more
        self._process.send_signal(number)

    def exit_code(self, seconds: float = PATIENCE) -> int:
        return self._process.wait(seconds)

    def stop(self) -> None:
        """End it and all that it started, politely first."""
        self._children.update(children_of(self.pid))
        if not self.ended:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(20)
        for pid in (self.pid, *self._children):
            if is_running(pid):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
