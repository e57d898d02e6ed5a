"""Batches of counts that a process sends to Redis, each added exactly once, however often it is sent.

The reply to an addition may be lost although Redis has carried it out. Batches are therefore numbered, and Redis stores
the last number of each writer beside the counts. A batch that is sent again is unchanged, and Redis ignores it if it
has added it before.
"""

import secrets
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from systemcache.storage.totals import CountKey

MINUTE = 60  # seconds
MAX_BATCHES = 1_500  # unsent ones, one for each minute of an outage: more than a day


@dataclass(slots=True)
class Batch:
    """Counts of one minute (since the epoch)."""

    minute: int
    counts: Counter[CountKey]
    number: int = 0  # assigned when the batch is first sent
    writer: str = ""


@dataclass(slots=True)
class BatchQueue:
    """The unsent batches of one process, oldest first. Not thread-safe: one thread at a time sends them."""

    writer: str = field(default_factory=lambda: secrets.token_hex(8))
    _unsent: deque[Batch] = field(default_factory=deque)
    _last_number: int = 0

    def put(self, counts: Mapping[CountKey, float], minute: int) -> None:
        """Add counts to the batch of their minute, or to a new one if that batch has been sent before."""
        last = self._unsent[-1] if self._unsent else None
        if last is None or last.number or (last.minute != minute and len(self._unsent) < MAX_BATCHES):
            self._unsent.append(last := Batch(minute, Counter()))
        last.counts.update(counts)

    def next_batch(self) -> Batch | None:
        """The batch to send now, with a number that it keeps until `confirm`."""
        if not self._unsent:
            return None
        batch = self._unsent[0]
        if not batch.number:
            self._last_number += 1
            batch.number, batch.writer = self._last_number, self.writer
        return batch

    def confirm(self) -> None:
        """Remove the batch that was sent: Redis has added it."""
        self._unsent.popleft()

    def total(self) -> Counter[CountKey]:
        """The counts of all unsent batches."""
        total: Counter[CountKey] = Counter()
        for batch in self._unsent:
            total.update(batch.counts)
        return total
