"""A process's counts on their way to those of all processes: each batch is added once, however often it is sent.

The answer to an addition may be lost although Redis has carried it out. So batches are numbered, and Redis keeps with
the counts the last number of each writer: what is sent again is sent as it was, and not added twice.
"""

import secrets
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

Key = tuple[str, str]  # a family's name, or a meter's; what is counted of it
MINUTE = 60  # seconds
MOST = 1_500  # batches that wait: a minute each, a day and more of Redis being away


@dataclass(slots=True)
class Batch:
    """Counts of one minute (since the epoch)."""

    minute: int
    counts: Counter[Key]
    number: int = 0  # from when it is sent for the first time
    writer: str = ""


@dataclass(slots=True)
class Queue:
    """The batches of one process, oldest first. Not thread-safe: one thread at a time adds them to Redis."""

    writer: str = field(default_factory=lambda: secrets.token_hex(8))
    _waiting: deque[Batch] = field(default_factory=deque)
    _sent: int = 0

    def put(self, counts: Mapping[Key, float], minute: int) -> None:
        """Takes counts in; those of one minute go together unless they have been sent already."""
        last = self._waiting[-1] if self._waiting else None
        if last is None or last.number or (last.minute != minute and len(self._waiting) < MOST):
            self._waiting.append(last := Batch(minute, Counter()))
        last.counts.update(counts)

    def first(self) -> Batch | None:
        """What is to be sent now, under a number that it keeps until `done`."""
        if not self._waiting:
            return None
        batch = self._waiting[0]
        if not batch.number:
            self._sent += 1
            batch.number, batch.writer = self._sent, self.writer
        return batch

    def done(self) -> None:
        """The first one has been added."""
        self._waiting.popleft()

    def total(self) -> Counter[Key]:
        """All that waits."""
        total: Counter[Key] = Counter()
        for batch in self._waiting:
            total.update(batch.counts)
        return total
