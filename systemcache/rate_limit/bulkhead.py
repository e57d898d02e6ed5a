"""Bounds how much of one kind of expensive work a process does at once, and how much of it waits, also by user."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class BulkheadFull(Exception):
    """Nothing was done: as much as may wait is waiting, or the wait was too long."""


class Bulkhead:
    """Limits concurrent work so that one owner can neither take all places nor fill the queue. Thread-safe.

    running, running_of_one: how much may be done at once. waiting, waiting_of_one: how much may wait. longest_wait: in
    seconds.
    """

    def __init__(
        self, *, running: int, running_of_one: int, waiting: int, waiting_of_one: int, longest_wait: float
    ) -> None:
        self._most_running, self._most_running_of_one = running, running_of_one
        self._most_waiting, self._most_waiting_of_one = waiting, waiting_of_one
        self._longest_wait = longest_wait
        self.reset()

    def reset(self) -> None:
        self._changed = threading.Condition()
        self._running: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()

    @contextmanager
    def enter(self, owner: str) -> Iterator[None]:
        """Do the work inside once there is a place. Raises BulkheadFull, at once if nothing more may wait."""
        with self._changed:
            if not self._has_place(owner):
                if self._waiting.total() >= self._most_waiting or self._waiting[owner] >= self._most_waiting_of_one:
                    raise BulkheadFull
                self._waiting[owner] += 1
                try:
                    if not self._changed.wait_for(lambda: self._has_place(owner), self._longest_wait):
                        raise BulkheadFull
                finally:
                    _take_off(self._waiting, owner)
            self._running[owner] += 1
        try:
            yield
        finally:
            with self._changed:
                _take_off(self._running, owner)
                self._changed.notify_all()

    def _has_place(self, owner: str) -> bool:
        return self._running.total() < self._most_running and self._running[owner] < self._most_running_of_one


def _take_off(counter: Counter[str], owner: str) -> None:
    counter[owner] -= 1
    if counter[owner] <= 0:
        del counter[owner]
