"""Counts per family over all processes, added to Redis twice a second, or kept here while Redis is down."""

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from systemcache import conf, families, process_state
from systemcache.errors import StoreUnavailable
from systemcache.stats import histogram
from systemcache.stats.batches import Batch, BatchQueue
from systemcache.storage import totals
from systemcache.storage.breaker import breaker
from systemcache.storage.totals import CountKey

logger = logging.getLogger(__name__)

EVENTS = (
    "hits",  # answered by Redis
    "near_hits",  # answered by a near copy
    "misses",
    "stale",  # served past their TTL because the source failed
    "bypasses",
    "loads",
    "load_seconds",
    "load_errors",
    "waits",  # misses answered by another caller's load
    "lease_waits",  # blocking waits for another process's load
    "refused",  # loaded but not stored, because the value was invalidated meanwhile
    "undecodable",
    "site_reads",  # of the site's own, such as warming: none of the reads above
)
# What a read by the site itself is counted as: it is no caller's, whatever it came to.
SITE_READS = {
    "hits": "site_reads",
    "near_hits": "site_reads",
    "misses": "site_reads",
    "bypasses": "site_reads",
    "stale": None,
    "waits": None,
}

METER_PREFIX = "~"  # sets the names of meters apart from families; meters have no counts over time


class _PendingCounts:
    """Counts of this process that are not in Redis yet."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """A forked child starts at zero, as another writer, and needs its own thread."""
        self.lock = threading.Lock()
        self.sending = threading.Lock()  # held while batches are sent, to keep their order
        self.counts: Counter[CountKey] = Counter()
        self.queue = BatchQueue()
        self.marks: list[str] = []
        self.flusher_started = False


_pending = process_state.register(_PendingCounts())
_process_ends = threading.Event()
_by_site: ContextVar[bool] = ContextVar("reads by the site itself", default=False)


@contextmanager
def site_reads() -> Iterator[None]:
    """Count the reads inside as the site's own. Their loads count like any other."""
    token = _by_site.set(True)
    try:
        yield
    finally:
        _by_site.reset(token)


def count(family: str, event: str, amount: float = 1) -> None:
    if _by_site.get():
        counted = SITE_READS.get(event, event)
        if counted is None:
            return
        event = counted
    with _pending.lock:
        _pending.counts[family, event] += amount  # type: ignore[assignment]  # seconds are counted as well
        if not _pending.flusher_started:
            _start_flusher()


def count_load(family: str, seconds: float) -> None:
    """Count a load that succeeded."""
    count(family, "loads")
    count(family, "load_seconds", seconds)
    count(family, histogram.bucket_event(seconds))


def mark(what: str) -> None:
    """Record in Redis that `what` happened now, once over all processes; as soon as Redis answers."""
    with _pending.lock:
        _pending.marks.append(what)
        if not _pending.flusher_started:
            _start_flusher()


def flush() -> None:
    """Add this process's counts to Redis now. While Redis is down they stay for the next call."""
    with _pending.sending:
        with _pending.lock:
            counts = dict(_pending.counts)
            _pending.counts.clear()
        if counts:
            _pending.queue.put(counts, int(time.time()) // 60)
        try:
            while _pending.marks:
                totals.mark(_pending.marks[0])
                _pending.marks.pop(0)
            while batch := _pending.queue.next_batch():
                add_batch(batch)
                _pending.queue.confirm()
        except StoreUnavailable as error:
            logger.debug("cache: sending counts to Redis failed, retrying later: %s", error)


def add_batch(batch: Batch) -> None:
    """Add a batch to the counts of all processes, unless it was added before. Raises StoreUnavailable."""
    in_series = {
        (family, event)
        for family, event in batch.counts
        if not family.startswith(METER_PREFIX) and event not in histogram.EVENTS
    }
    totals.add(batch.writer, batch.number, batch.minute, batch.counts, in_series)


def _start_flusher() -> None:
    _pending.flusher_started = True
    process_state.call_at_end(_stop)
    if conf.stats_interval() > 0:
        threading.Thread(target=_flush_forever, name="cache-stats", daemon=True).start()


def _flush_forever() -> None:
    """Flush until the process ends or the interval is set to 0."""
    while (interval := conf.stats_interval()) > 0 and not _process_ends.wait(interval):
        if conf.stats_interval() > 0:
            flush()
    _pending.flusher_started = False


def _stop() -> None:
    _process_ends.set()
    flush()


def total_counts() -> totals.Counts:
    """The counts of all processes, with this one's latest. Raises StoreUnavailable."""
    flush()
    return totals.counts()


def unsent_counts() -> totals.Counts:
    """This process's counts that are not in Redis yet."""
    with _pending.sending, _pending.lock:
        total = _pending.queue.total() + _pending.counts
    counts: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for (name, event), amount in total.items():
        counts[name][event] = amount
    return dict(counts)


def snapshot() -> dict[str, Any]:
    """The statistics as the API, the command and the admin pages show them.

    They count all processes; while Redis is down, `connected` is False and they are this process's unsent counts.
    """
    try:
        counts = total_counts()
        server: dict[str, Any] = totals.info()
        connected = True
    except StoreUnavailable:
        counts, server, connected = unsent_counts(), {}, False
    known = families.registered()
    per_family = {family.name: _family_statistics(counts.get(family.name, {})) for family in known}
    public = [per_family[family.name] for family in known if not family.secret]
    hits = sum(map(_all_hits, public))
    misses = sum(row["misses"] for row in public)
    return {
        "hits": hits,
        "misses": misses,
        "hit_rate_percent": hit_rate(hits, misses),
        "near_hits": sum(row["near_hits"] for row in public),
        "saved_calls": sum(_all_hits(per_family[family.name]) for family in known if family.counts_as == families.CALL),
        "redis_keyspace_hits": server.get("keyspace_hits"),
        "redis_keyspace_misses": server.get("keyspace_misses"),
        "connected": connected,
        "breaker": breaker.state,
        "redis": _redis_info(server),
        "families": per_family,
    }


def hit_rate(hits: int, misses: int) -> float | None:
    """Hits in percent of hits and misses; None before the first."""
    return round(100 * hits / (hits + misses), 2) if hits + misses else None


def _all_hits(row: dict[str, Any]) -> int:
    return int(row["hits"] + row["near_hits"])


def _family_statistics(counts: dict[str, float]) -> dict[str, Any]:
    row: dict[str, Any] = {event: int(counts.get(event, 0)) for event in EVENTS}
    row["load_seconds"] = round(counts.get("load_seconds", 0.0), 6)
    row["load_p50"], row["load_p95"] = (histogram.quantile(counts, share) for share in (0.5, 0.95))
    row["hit_rate_percent"] = hit_rate(_all_hits(row), row["misses"])
    return row


def _redis_info(info: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": info.get("redis_version"),
        "used_memory": info.get("used_memory"),
        "maxmemory": info.get("maxmemory"),
        "evicted_keys": info.get("evicted_keys"),
        "connected_clients": info.get("connected_clients"),
        "uptime_seconds": info.get("uptime_in_seconds"),
    }
