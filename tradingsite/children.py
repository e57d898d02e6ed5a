"""Processes that `runsite` starts, and stops again whatever happens."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from tradingsite.embedded_redis import die_with_parent

STOP_TIMEOUT = 10.0  # seconds


class Child:
    """A process in a session of its own (Ctrl-C goes to the parent alone) that ends with its parent."""

    def __init__(
        self, name: str, command: Sequence[str], *, directory: Path, read_output: bool = False, quiet: bool = False
    ) -> None:
        """With `read_output` its first line can be read; it must not write much more, which nobody reads.

        `quiet`: what it writes is seen nowhere.
        """
        self.name = name
        nowhere = subprocess.DEVNULL if quiet else None
        self._process = subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if read_output else nowhere,
            stderr=nowhere,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
            text=True,
        )

    def first_line(self) -> str:
        """What the process says when it is ready; empty when it ended instead."""
        return self._process.stdout.readline().strip() if self._process.stdout else ""

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def stop(self) -> None:
        """SIGTERM, then SIGKILL to the whole group, so that no worker stays behind."""
        if not self.ended:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def wait_until(condition: Callable[[], bool], *, seconds: float, every: float = 0.05) -> bool:
    """Whether the condition came true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(every)
    return False
