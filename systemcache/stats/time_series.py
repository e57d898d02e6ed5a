"""Statistics over time, and marks of clears and restarts. Raises StoreUnavailable."""

import os
import socket
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from systemcache import clock, families
from systemcache.models import ClearRecord
from systemcache.stats import counters
from systemcache.storage import totals

CLEAR, RESTART = "clear", "restart"
SITE = "site"


class Point(NamedTuple):
    """Counts by event in one step, which begins at `at`."""

    at: datetime
    counts: dict[str, float]


class Mark(NamedTuple):
    """Something that explains a change in the counts. `kind` is CLEAR or RESTART, `what` a description."""

    at: datetime
    kind: str
    what: str


def series(family: str | None, *, minutes: int, step: int) -> list[Point]:
    """The last `minutes` of a family's counts, or of all public families together, in steps of `step` minutes.

    The oldest step comes first; the last one is still in progress. Counts are kept for 25 hours. Raises UnknownFamily.
    """
    if family:
        names = [families.named(family).name]
    else:
        names = [known.name for known in families.registered() if not known.secret]
    counters.flush()
    last = int(clock.now().timestamp()) // 60 // step
    first = last - -(-minutes // step) + 1
    sums: dict[int, Counter[str]] = {number: Counter() for number in range(first, last + 1)}
    for minute, counts in totals.minutes(names, first * step, last * step + step - 1).items():
        if minute // step in sums:
            sums[minute // step].update(counts)
    return [Point(datetime.fromtimestamp(60 * step * number, UTC), dict(counts)) for number, counts in sums.items()]


def marks(minutes: int) -> list[Mark]:
    """Clears, and starts of Redis and of the site, in the last `minutes`, oldest first."""
    since = clock.now() - timedelta(minutes=minutes)
    counters.flush()
    starts = [
        Mark(
            datetime.fromtimestamp(at, UTC),
            RESTART,
            "the site was started" if what.startswith(SITE) else "Redis was started",
        )
        for what, at in totals.marks().items()
    ]
    clears = [Mark(record.at, CLEAR, str(record)) for record in ClearRecord.objects.filter(at__gte=since)]
    return sorted(mark for mark in (*starts, *clears) if mark.at >= since)


def mark_site_start() -> None:
    """Mark the start of the web server once, however many worker processes call this."""
    counters.mark(f"{SITE} {socket.gethostname()} {_process_group_id()}")


def _process_group_id() -> str:
    """The id of this process's group and the start time of its leader, because ids are reused."""
    group = os.getpgid(0)
    with suppress(OSError):  # only Linux has /proc
        return f"{group} {Path(f'/proc/{group}/stat').read_text().rpartition(')')[2].split()[19]}"
    return str(group)
