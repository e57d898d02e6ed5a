"""Traffic over a site's processes while something fails: what was answered, and how old it was."""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import requests

from tests.systemcache.failures.site import Process


@dataclass
class Seen:
    """Of one process. Times are seconds, monotonic."""

    reads: int = 0
    failed: list[str] = field(default_factory=list)
    stale_for: float = 0.0  # the longest time after the answer to a write at which a read began that did not show it
    stale: int = 0
    states: dict[str, int] = field(default_factory=dict)


class Traffic:
    """One writer, which changes an item's notes through `writer`, and a reader of each process.

    A read is stale if it shows an older note than the last one whose write had been answered when the read began.
    """

    def __init__(self, writer: Process, readers: Sequence[Process], item: int) -> None:
        self.seen = {process.name: Seen() for process in readers}
        self.failed_writes: list[str] = []
        self.written = 0
        self._answered: list[float] = [time.monotonic()]  # by the number of the write
        self._item = item
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(writer,))]
        self._threads += [threading.Thread(target=self._read, args=(process,)) for process in readers]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def failures(self) -> list[str]:
        return [*self.failed_writes, *(failure for seen in self.seen.values() for failure in seen.failed)]

    def stale(self) -> int:
        """How many reads of all processes were stale."""
        return sum(seen.stale for seen in self.seen.values())

    def _write(self, process: Process) -> None:
        number = 0
        while not self._over.wait(0.05):
            number += 1
            try:
                answer = process.ask("PATCH", f"/api/watchlist/{self._item}", {"notes": str(number)})
            except requests.RequestException as error:
                self.failed_writes.append(f"write: {type(error).__name__}")
                continue
            if answer.status_code != 200:
                self.failed_writes.append(f"write: {answer.status_code} {answer.text[:200]}")
            else:
                self._answered.append(time.monotonic())
                self.written = number

    def _read(self, process: Process) -> None:
        seen = self.seen[process.name]
        while not self._over.wait(0.01):
            started, expected = time.monotonic(), self.written
            try:
                answer = process.ask("GET", "/api/watchlist?active=all")
            except requests.RequestException as error:
                seen.failed.append(f"{process.name}: {type(error).__name__}")
                continue
            seen.reads += 1
            if answer.status_code >= 500:
                seen.failed.append(f"{process.name}: {answer.status_code} {answer.text[:200]}")
                continue
            state = answer.headers.get("X-Cache", "-")
            seen.states[state] = seen.states.get(state, 0) + 1
            shown = 0
            with suppress(ValueError):
                shown = next(int(row["notes"] or 0) for row in answer.json()["data"] if row["id"] == self._item)
            if shown < expected:
                seen.stale += 1
                seen.stale_for = max(seen.stale_for, started - self._answered[shown + 1])


def first_item(process: Process) -> int:
    """The number of a watched symbol, whose notes are a number from now on."""
    item = int(process.ask("GET", "/api/watchlist?active=all").json()["data"][0]["id"])
    assert process.ask("PATCH", f"/api/watchlist/{item}", {"notes": "0"}).status_code == 200
    return item


def hits(process: Process) -> bool:
    """Whether this read came from Redis."""
    return process.ask("GET", "/api/settings").headers.get("X-Cache") == "hit"
