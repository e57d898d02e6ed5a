"""The statistics over time, and what happened meanwhile. Raises StoreUnavailable when Redis cannot be asked."""

import os
import socket
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from systemcache import families, stats, tally
from systemcache.fetched import now
from systemcache.models import ClearRecord

CLEAR, RESTART = "clear", "restart"
SITE = "site"


class Point(NamedTuple):
    """Counts by event from `at` on, for one step."""

    at: datetime
    counts: dict[str, float]


class Mark(NamedTuple):
    """Something that shows in the counts: `kind` is clear or restart, `what` is for people."""

    at: datetime
    kind: str
    what: str


def series(family: str | None, *, minutes: int, step: int) -> list[Point]:
    """The last `minutes` of a family's counts, or of all public families together, in steps of `step` minutes.

    Oldest first; the last step is the one under way. Kept for 25 hours. Raises UnknownFamily.
    """
    names = (
        [families.named(family).name] if family else [known.name for known in families.registered() if _shown(known)]
    )
    stats.flush()
    last = _minute(now()) // step
    first = last - -(-minutes // step) + 1
    found = tally.minutes(names, first * step, last * step + step - 1)
    sums: dict[int, Counter[str]] = {place: Counter() for place in range(first, last + 1)}
    for minute, counts in found.items():
        if minute // step in sums:
            sums[minute // step].update(counts)
    return [Point(_moment(60 * step * place), dict(counts)) for place, counts in sums.items()]


def _shown(family: families.Family[object]) -> bool:
    return not family.secret


def marks(minutes: int) -> list[Mark]:
    """Clears, and starts of Redis and of the site, in the last `minutes`; oldest first."""
    since = now() - timedelta(minutes=minutes)
    stats.flush()
    starts = [
        Mark(_moment(at), RESTART, "the site was started" if what.startswith(SITE) else "Redis was started")
        for what, at in tally.marks().items()
    ]
    clears = [Mark(record.at, CLEAR, str(record)) for record in ClearRecord.objects.filter(at__gte=since)]
    return sorted(mark for mark in (*starts, *clears) if mark.at >= since)


def site_started() -> None:
    """For the server's processes: marks the start of their group once, however many of them there are."""
    stats.mark(f"{SITE} {socket.gethostname()} {_group()}")


def _group() -> str:
    """This process's group, and when its first process began: the number alone is given again."""
    group = os.getpgid(0)
    with suppress(OSError):  # only Linux says so
        return f"{group} {Path(f'/proc/{group}/stat').read_text().rpartition(')')[2].split()[19]}"
    return str(group)


def _minute(moment: datetime) -> int:
    return int(moment.timestamp()) // 60


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
