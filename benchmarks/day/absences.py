"""When a worker of the site could not reach Redis, as its log says: on a busy machine that happens by itself, too.

Some promises are looser then (ARCHITECTURE.md, "What holds, and what cannot"); each such case has to be in the log.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from broker.values import IST

LINE = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) .* will be dropped when Redis is back", re.MULTILINE)
APART = 3.0  # seconds without such a line, after which it is another absence


@dataclass(frozen=True)
class Absences:
    """`moments`: at which a write could not tell Redis what it had replaced; by the monotonic clock, in order."""

    moments: Sequence[float]

    @classmethod
    def of(cls, log: str) -> "Absences":
        ahead = time.time() - time.monotonic()
        found = (datetime.fromisoformat(second).replace(tzinfo=IST).timestamp() for second, _ in LINE.findall(log))
        parts = (int(part) / 1000 for _, part in LINE.findall(log))
        return cls(sorted(second + part - ahead for second, part in zip(found, parts, strict=True)))

    def within(self, first: float, last: float) -> bool:
        return any(first <= moment <= last for moment in self.moments)

    def spells(self) -> list[tuple[float, float]]:
        """From the first to the last moment of each absence."""
        found: list[tuple[float, float]] = []
        for moment in self.moments:
            if found and moment - found[-1][1] < APART:
                found[-1] = (found[-1][0], moment)
            else:
                found.append((moment, moment))
        return found
