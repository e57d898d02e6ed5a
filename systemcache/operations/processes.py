"""Every process of the site, on every machine, as each reports it itself: its version, breaker, near copies, Redis.

The reports stand in the database, because a process that has lost Redis is the one that matters most.
"""

import os
import secrets
import socket
import sys
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from systemcache import clock, conf, process_state
from systemcache.local.near_cache import copies
from systemcache.models import ProcessReport
from systemcache.storage.breaker import breaker
from systemcache.storage.connection import last_refusal
from systemcache.storage.greeting import NONE, UNKNOWN, server

INTERVAL = 5.0  # seconds between two reports, unless the breaker's state has changed
SILENT_AFTER = timedelta(seconds=20)  # without a report
FORGOTTEN_AFTER = timedelta(hours=1)


class Facts(msgspec.Struct, frozen=True):
    """The report of a process. Times are in seconds, sizes in bytes; empty and None mean that nothing is to report."""

    breaker: str
    cause: str  # for which the breaker is not closed
    redis: str  # the beginning of the run id of the Redis that it uses
    refused: str  # the words with which Redis refused a command in the last minute
    near: str  # "on", or why not
    near_copies: int
    near_bytes: int
    lag: float | None  # since the listener last received something
    limits: str


class Row(msgspec.Struct, frozen=True):
    """A process, for pages and programs."""

    host: str
    pid: int
    kind: str
    version: str
    started_at: datetime
    reported_at: datetime
    silent: bool
    facts: Facts


class _Reporter:
    """When this process has reported what."""

    kind = ""  # set by the web servers' entry points

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.name = f"{socket.gethostname()[:100]}:{os.getpid()}:{secrets.token_hex(4)}"
        self.started_at = clock.now()
        self._reported_at, self._state = float("-inf"), ""

    def report_if_due(self) -> None:
        """Called by the recovery thread after each of its rounds. Raises DatabaseError."""
        state, now = breaker.state, clock.monotonic()
        if state == self._state and now - self._reported_at < INTERVAL:
            return
        self._reported_at, self._state = now, state
        moment = clock.now()
        changing = {"reported_at": moment, "facts": msgspec.to_builtins(facts())}
        ProcessReport.objects.update_or_create(
            name=self.name,
            defaults=changing,
            create_defaults={
                "host": socket.gethostname()[:100],
                "pid": os.getpid(),
                "kind": self.kind or _command(),
                "version": conf.version(),
                "started_at": self.started_at,
                **changing,
            },
        )
        ProcessReport.objects.filter(reported_at__lt=moment - FORGOTTEN_AFTER).delete()


reporter = process_state.register(_Reporter())


def _command() -> str:
    """The command of manage.py that this process runs."""
    return sys.argv[1][:40] if Path(sys.argv[0]).name == "manage.py" and len(sys.argv) > 1 else "other"


def facts() -> Facts:
    """Of this process, now."""
    state = breaker.state
    number, size = copies.size()
    lag = clock.boottime() - copies.confirmed_until
    near = (copies.off or "on") if conf.near_copies_enabled() else "off (CACHE_NEAR=false)"
    return Facts(
        breaker=state,
        cause="" if state == "closed" else breaker.why,
        redis="" if server.run_id in (NONE, UNKNOWN) else server.run_id.decode()[:8],
        refused=last_refusal(),
        near=near,
        near_copies=number,
        near_bytes=size,
        lag=round(lag, 3) if lag < float("inf") else None,
        limits="shared with all processes" if state == "closed" else "this process's share of each",
    )


def rows() -> list[Row]:
    """All processes of the last hour, those that are silent last."""
    now = clock.now()
    found = [_row(report, now) for report in ProcessReport.objects.order_by("host", "kind", "started_at")]
    return sorted(found, key=lambda row: row.silent)


def _row(report: ProcessReport, now: datetime) -> Row:
    return Row(
        host=report.host,
        pid=report.pid,
        kind=report.kind,
        version=report.version,
        started_at=report.started_at,
        reported_at=report.reported_at,
        silent=now - report.reported_at > SILENT_AFTER,
        facts=_facts_of(report),
    )


def _facts_of(report: ProcessReport) -> Facts:
    try:
        return msgspec.convert(report.facts, Facts)
    except msgspec.ValidationError:  # another version of the site reports other facts
        return Facts("unknown", "", "", "", "", 0, 0, None, "")
