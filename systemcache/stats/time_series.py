"""Statistics over time, and marks of clears and restarts. Raises StoreUnavailable."""

import os
import socket
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from django.utils import timezone

from systemcache import clock, families
from systemcache.models import ClearRecord
from systemcache.stats import counters
from systemcache.storage import totals

DAY = 24 * 60  # minutes
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

    The oldest step comes first; the last one is still in progress. Hours and days are those of the site's time zone.
    Counts are kept for 25 hours, and for 31 days in steps of whole half hours. Raises UnknownFamily.
    """
    if family:
        names = [families.named(family).name]
    else:
        names = [known.name for known in families.registered() if not known.secret]
    counters.flush()
    resolution = totals.BY_MINUTE if step % totals.BY_HALF_HOUR.minutes else totals.BY_HALF_HOUR
    offset = _utc_offset() // resolution.minutes * resolution.minutes  # minutes
    last = (int(clock.now().timestamp()) // 60 + offset) // step
    first = last - -(-minutes // step) + 1
    sums: dict[int, Counter[str]] = {number: Counter() for number in range(first, last + 1)}
    begin, end = (first * step - offset) // resolution.minutes, ((last + 1) * step - offset) // resolution.minutes - 1
    for number, counts in totals.over_time(resolution, names, begin, end).items():
        group = (number * resolution.minutes + offset) // step
        if group in sums:
            sums[group].update(counts)
    return [
        Point(datetime.fromtimestamp(60 * (step * number - offset), UTC), dict(counts))
        for number, counts in sums.items()
    ]


def whole_days(family: str | None, days: int, *, step: int) -> list[Point]:
    """The same from midnight on, in the site's time zone; today is the last of the days. Raises UnknownFamily."""
    now = timezone.localtime(clock.now())
    return series(family, minutes=(days - 1) * DAY + 60 * now.hour + now.minute + 1, step=step)


def _utc_offset() -> int:
    """Of the site's time zone now, in minutes."""
    offset = timezone.localtime(clock.now()).utcoffset()
    return int(offset.total_seconds()) // 60 if offset else 0


def marks(minutes: int) -> list[Mark]:
    """The latest clears, and starts of Redis and of the site, in the last `minutes`, oldest first."""
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
    records = ClearRecord.objects.filter(at__gte=since).order_by("-at")[: totals.MAX_MARKS]
    clears = [Mark(record.at, CLEAR, str(record)) for record in records]
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
