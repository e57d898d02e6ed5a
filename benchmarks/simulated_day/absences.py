"""When a worker of the site could not reach Redis, as its log says: on a busy machine that happens by itself, too.

Some promises are looser then (docs/cache/failures.md, "Promises and bounds"); each such case has to be in the log.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from broker.clock import IST

LINE = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) .* cache: circuit breaker (open|closed)", re.MULTILINE)
BEFORE = 0.5  # seconds from the beginning of a call that fails to the line that says so


@dataclass(frozen=True)
class Absences:
    """`spells`: from when one worker has lost Redis until all have it again; by the monotonic clock, in order."""

    spells: Sequence[tuple[float, float]]

    @classmethod
    def of(cls, log: str) -> "Absences":
        ahead = time.time() - time.monotonic()
        spells: list[tuple[float, float]] = []
        without, since = 0, 0.0
        for second, part, what in LINE.findall(log):
            at = datetime.fromisoformat(second).replace(tzinfo=IST).timestamp() + int(part) / 1000 - ahead
            if what == "open":
                since = at - BEFORE if not without else since
                without += 1
            elif without:
                without -= 1
                if not without:
                    spells.append((since, at))
        return cls([*spells, (since, float("inf"))] if without else spells)

    def within(self, first: float, last: float) -> bool:
        return any(began <= last and first <= ended for began, ended in self.spells)
