"""Counts per family over all processes: gathered here, added to Redis twice a second, kept while Redis is away."""

import atexit
import logging
import os
import threading
import time
from collections import Counter, defaultdict
from typing import Any

from systemcache import conf, families, load_times, store, tally
from systemcache.batches import Key, Queue
from systemcache.errors import StoreUnavailable

logger = logging.getLogger(__name__)

# What is counted. Load time is in seconds; a wait is a miss that another caller's load answered.
EVENTS = (
    "hits",  # answered by Redis
    "near_hits",  # answered by this process's own copy
    "misses",
    "stale",  # served past their TTL, because the source failed
    "bypasses",
    "loads",
    "load_seconds",
    "load_errors",
    "waits",
    "lease_waits",  # slices of waiting for another process's load
    "refused",  # loaded, but something that they show was dropped meanwhile
    "undecodable",
)

_lock = threading.Lock()
_pending: Counter[Key] = Counter()
_adding = threading.Lock()  # held while batches go to Redis, in their order
_queue = Queue()
_marks: list[str] = []
_flushing = False


def count(family: str, event: str, amount: float = 1) -> None:
    with _lock:
        _pending[family, event] += amount  # type: ignore[assignment]  # seconds are counted as well
        if not _flushing:
            _start_flusher()


def count_load(family: str, seconds: float) -> None:
    """A load that brought a value."""
    count(family, "loads")
    count(family, "load_seconds", seconds)
    count(family, load_times.event_of(seconds))


def mark(what: str) -> None:
    """Notes the moment of something that happens once over all processes, as soon as Redis answers."""
    with _lock:
        _marks.append(what)
        if not _flushing:
            _start_flusher()


def flush() -> None:
    """Adds this process's counts to Redis now. When Redis is away they stay for the next time."""
    with _adding:
        with _lock:
            taken = dict(_pending)
            _pending.clear()
        if taken:
            _queue.put(taken, int(time.time()) // 60)
        try:
            _add()
        except StoreUnavailable as error:
            logger.debug("cache: counts are added later: %s", error)


def _add() -> None:
    while _marks:
        tally.mark(_marks[0])
        _marks.pop(0)
    while batch := _queue.first():
        tally.add(batch)
        _queue.done()


def _start_flusher() -> None:
    global _flushing
    _flushing = True
    if conf.stats_interval() > 0:
        threading.Thread(target=_flush_forever, name="cache-stats", daemon=True).start()


def _flush_forever() -> None:
    """Until the process ends, or the interval is said to be none."""
    global _flushing
    while (interval := conf.stats_interval()) > 0 and not _stopping.wait(interval):
        if conf.stats_interval() > 0:
            flush()
    _flushing = False


def forget() -> None:
    """Drops what has not been added to Redis yet."""
    global _queue
    with _lock:
        _pending.clear()
        _marks.clear()
        _queue = Queue()


def _forget_parent() -> None:
    """A forked child counts from nothing, under another name, and needs locks that nobody holds and its own thread."""
    global _flushing, _lock, _adding
    _lock, _adding = threading.Lock(), threading.Lock()
    _flushing = False
    forget()


def _stop() -> None:
    _stopping.set()
    flush()


_stopping = threading.Event()
os.register_at_fork(after_in_child=_forget_parent)
atexit.register(_stop)


def counted() -> tally.Counts:
    """What all processes have counted, this one's latest included. Raises StoreUnavailable."""
    flush()
    return tally.counts()


def own_counts() -> tally.Counts:
    """What this process has counted and not added yet."""
    with _adding, _lock:
        total = _queue.total() + _pending
    found: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for (name, event), amount in total.items():
        found[name][event] = amount
    return dict(found)


def snapshot() -> dict[str, Any]:
    """The statistics as the API, the command and the pages show them.

    Counts are those of all processes; while Redis is away, `connected` is False and they are this process's own.
    """
    try:
        counts = counted()
        server: dict[str, Any] = tally.info()
        connected = True
    except StoreUnavailable:
        counts, server, connected = own_counts(), {}, False
    known = families.registered()
    per_family = {family.name: _shown(counts.get(family.name, {})) for family in known}
    public = [per_family[family.name] for family in known if not family.secret]
    hits = sum(map(_answered, public))
    misses = sum(row["misses"] for row in public)
    return {
        "hits": hits,
        "misses": misses,
        "hit_rate_percent": rate(hits, misses),
        "near_hits": sum(row["near_hits"] for row in public),
        "saved_calls": sum(_answered(per_family[family.name]) for family in known if family.is_brokers),
        "redis_keyspace_hits": server.get("keyspace_hits"),
        "redis_keyspace_misses": server.get("keyspace_misses"),
        "connected": connected,
        "breaker": store.breaker.state,
        "redis": _server(server),
        "families": per_family,
    }


def rate(hits: int, misses: int) -> float | None:
    """Hits in a hundred reads that asked the cache; None before the first."""
    return round(100 * hits / (hits + misses), 2) if hits + misses else None


def _answered(row: dict[str, Any]) -> int:
    return int(row["hits"] + row["near_hits"])


def _shown(counts: dict[str, float]) -> dict[str, Any]:
    row: dict[str, Any] = {event: int(counts.get(event, 0)) for event in EVENTS}
    row["load_seconds"] = round(counts.get("load_seconds", 0.0), 6)
    row["load_p50"], row["load_p95"] = (load_times.quantile(counts, share) for share in (0.5, 0.95))
    row["hit_rate_percent"] = rate(_answered(row), row["misses"])
    return row


def _server(info: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": info.get("redis_version"),
        "used_memory": info.get("used_memory"),
        "maxmemory": info.get("maxmemory"),
        "evicted_keys": info.get("evicted_keys"),
        "connected_clients": info.get("connected_clients"),
        "uptime_seconds": info.get("uptime_in_seconds"),
    }
