"""What the auditor has found, counted over all processes like the cache's other statistics."""

import logging
import threading
from collections import deque
from datetime import UTC, datetime
from typing import Any

import msgspec

from systemcache import clock, families, process_state
from systemcache.audit import evidence
from systemcache.audit.check import CURRENT, LAYERS, NEAR, REDIS, STALE, UNDECIDED, Answer, Verdict
from systemcache.cached_value import CachedValue
from systemcache.errors import StoreUnavailable
from systemcache.families import Family
from systemcache.invalidation import clear
from systemcache.stats import counters
from systemcache.stats.counters import METER_PREFIX
from systemcache.storage import audit_records
from systemcache.storage.totals import Counts

logger = logging.getLogger(__name__)

COUNTED = METER_PREFIX + "audit"  # apart from families; the events are `family layer kind`
KINDS = ("checks", "violations", "undecided", "refreshes", "changes")
MAX_UNSENT = 100


class Violation(msgspec.Struct, frozen=True):
    """`key` is empty for a secret family. `staleness`: seconds, at most."""

    at: datetime
    family: str
    layer: str
    key: str
    staleness: float


class Row(msgspec.Struct, frozen=True):
    """A family's answers from one layer. `staleness`: seconds, the largest; None if none was out of date.

    Of a family without `source` only values that were refreshed anyway are compared: `refreshes`, of which
    `changes` differed.
    """

    family: str
    layer: str
    checks: int
    violations: int
    undecided: int
    refreshes: int
    changes: int
    staleness: float | None


class Report(msgspec.Struct, frozen=True):
    rows: list[Row]
    checks: int
    violations: int
    evidence: str
    latest: list[Violation]


class _Unsent:
    """Findings of this process that are not in Redis yet."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.lock = threading.Lock()
        self.findings: deque[tuple[str, float, bytes]] = deque(maxlen=MAX_UNSENT)
        self.largest: dict[str, float] = {}  # staleness by place, as this process has sent it


_unsent = process_state.register(_Unsent())


def record(answer: Answer, verdict: Verdict) -> None:
    """Count a verdict. What is stale is invalidated: it must not stay until its TTL because one record was lost."""
    family, layer = answer.family, answer.layer
    if verdict.outcome == UNDECIDED:
        _count(family, layer, "undecided")
        return
    _count(family, layer, "checks")
    if verdict.outcome == CURRENT:
        return
    _count(family, layer, "violations")
    key = "" if family.secret else answer.ref.key
    logger.error(
        "cache: the auditor found %s stale (%s): its source has another value, and nothing invalidates it",
        key or f"a value of {family.name}",
        layer,
    )
    _keep(Violation(clock.now(), family.name, layer, key, round(verdict.staleness, 3)))
    try:
        clear.invalidate(*answer.ref.tags)
    except StoreUnavailable as error:
        logger.debug("cache: what the auditor found stale is not invalidated: %s", error)


def record_refresh(family: Family[Any], before: CachedValue[Any], after: CachedValue[Any]) -> None:
    """A value was refreshed, and both are here: whether it had changed costs no call to its source."""
    if family.source or family.strict:
        return
    _count(family, REDIS, "refreshes")
    if before.payload != after.payload:
        _count(family, REDIS, "changes")
        _keep_staleness(family, REDIS, min(before.age_seconds(), before.ttl))


def record_stale(family: Family[Any], value: CachedValue[Any]) -> None:
    """A value was shown past its TTL because its source failed: it must be within `stale_for`."""
    age = value.age_seconds()
    _count(family, STALE, "checks")
    _keep_staleness(family, STALE, age)
    if age >= value.ttl + family.stale_for:
        _count(family, STALE, "violations")


def _count(family: Family[Any], layer: str, kind: str) -> None:
    counters.count(COUNTED, f"{family.name} {layer} {kind}")


def _keep(violation: Violation) -> None:
    _send(f"{violation.family} {violation.layer}", violation.staleness, msgspec.json.encode(violation))


def _keep_staleness(family: Family[Any], layer: str, seconds: float) -> None:
    _send(f"{family.name} {layer}", seconds)


def _send(place: str, staleness: float, violation: bytes = b"") -> None:
    """Send to Redis, with what is left from before; what does not reach it is kept for the next time.

    A staleness alone is sent when it is a second larger than the last one, so that an answer seldom waits for it.
    """
    with _unsent.lock:
        if not violation and staleness < _unsent.largest.get(place, -1.0) + 1.0:
            return
        _unsent.largest[place] = max(staleness, _unsent.largest.get(place, 0.0))
        _unsent.findings.append((place, staleness, violation))
        try:
            while _unsent.findings:
                audit_records.add(*_unsent.findings[0])
                _unsent.findings.popleft()
        except StoreUnavailable as error:
            logger.debug("cache: the auditor's findings are sent to Redis later: %s", error)


def audited() -> list[tuple[Family[Any], str]]:
    """The families that are audited, each with its layers."""
    found: list[tuple[Family[Any], str]] = []
    for family in families.registered():
        layers = {NEAR: bool(family.source) and family.near, REDIS: bool(family.source) or family.ahead}
        layers[STALE] = family.stale_for > 0
        found += [(family, layer) for layer in LAYERS if layers[layer]]
    return found


def rows(counts: Counts) -> list[Row]:
    """A row for each family and layer. Raises StoreUnavailable."""
    largest = audit_records.largest()
    counted = counts.get(COUNTED, {})
    return [
        Row(
            family.name,
            layer,
            staleness=largest.get(f"{family.name} {layer}"),
            **{kind: int(counted.get(f"{family.name} {layer} {kind}", 0)) for kind in KINDS},
        )
        for family, layer in audited()
    ]


def report() -> Report:
    """All that was found, over all processes. Raises StoreUnavailable.

    The evidence is that of the promise that no read is stale after a finished write: the families that show our own
    tables.
    """
    found = rows(counters.total_counts())
    own = [row for row in found if row.layer != STALE]
    checks, violations = sum(row.checks for row in own), sum(row.violations for row in own)
    return Report(found, checks, violations, evidence.sentence(violations, checks), _latest())


def _latest() -> list[Violation]:
    """What in Redis is no violation is left out."""
    found = []
    for data in audit_records.latest():
        try:
            found.append(msgspec.json.decode(data, type=Violation))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
    return [msgspec.structs.replace(one, at=one.at.astimezone(UTC)) for one in found]
