"""Child processes of `runsite`, none of which outlives it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from tradingsite.embedded_redis import die_with_parent

STOP_TIMEOUT = 10.0  # seconds
RESTART_INTERVAL = 5.0  # seconds between two starts of a process that ends again and again


class ChildProcess:
    """A process in its own session, so that Ctrl-C reaches only the parent; it ends with its parent."""

    def __init__(
        self, name: str, command: Sequence[str], *, directory: Path, read_output: bool = False, quiet: bool = False
    ) -> None:
        """`read_output` makes next_line() work; the process must write little more, because nothing reads it.

        `quiet` discards its output.
        """
        self.name = name
        self._stopped = False
        output = subprocess.DEVNULL if quiet else None
        self._process = subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if read_output else output,
            stderr=output,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
            text=True,
        )

    def next_line(self) -> str:
        """What the process prints next, as once it is ready; empty if it exited instead."""
        return self._process.stdout.readline().strip() if self._process.stdout else ""

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def stop(self) -> None:
        """Send SIGTERM, then SIGKILL to the whole process group, so that no worker is left. It works once."""
        if self._stopped:
            return  # by now the group's number may be another's
        self._stopped = True
        if not self.ended:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Restarting:
    """A process that is started again when it ends, because the site goes on without it meanwhile."""

    def __init__(self, start: Callable[[], ChildProcess], clock: Callable[[], float] = time.monotonic) -> None:
        self._start = start
        self._clock = clock
        self._started_at = clock()
        self._child = start()

    @property
    def name(self) -> str:
        return self._child.name

    def restart_if_ended(self) -> bool:
        """Start it again if it has ended, but not sooner than RESTART_INTERVAL after the last start."""
        if not self._child.ended or self._clock() - self._started_at < RESTART_INTERVAL:
            return False
        self._child.stop()
        self._started_at = self._clock()
        self._child = self._start()
        return True


def wait_until(condition: Callable[[], bool], *, seconds: float, every: float = 0.05) -> bool:
    """Whether the condition became true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(every)
    return False
