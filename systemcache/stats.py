"""Counts per family over all processes: gathered here, added to Redis twice a second, kept while Redis is away."""

import atexit
import logging
import os
import threading
from collections import Counter
from typing import Any

from systemcache import conf, families, store, tally
from systemcache.errors import StoreUnavailable

logger = logging.getLogger(__name__)

# What is counted. Load time is in seconds; a wait is a miss that another caller's load answered.
EVENTS = (
    "hits",
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
_pending: Counter[tuple[str, str]] = Counter()
_flushing = False


def count(family: str, event: str, amount: float = 1) -> None:
    with _lock:
        _pending[family, event] += amount  # type: ignore[assignment]  # seconds are counted as well
        if not _flushing:
            _start_flusher()


def flush() -> None:
    """Adds this process's counts to Redis now. When Redis is away they stay for the next time."""
    with _lock:
        taken = dict(_pending)
        _pending.clear()
    if not taken:
        return
    try:
        tally.add_counts(taken)
    except StoreUnavailable:
        with _lock:
            _pending.update(taken)


def _start_flusher() -> None:
    global _flushing
    _flushing = True
    if conf.stats_interval() > 0:
        threading.Thread(target=_flush_forever, name="cache-stats", daemon=True).start()


def _flush_forever() -> None:
    while not _stopping.wait(conf.stats_interval()):
        flush()


def forget() -> None:
    """Drops what has not been added to Redis yet."""
    with _lock:
        _pending.clear()


def _forget_parent() -> None:
    """A forked child counts from nothing, and needs a lock that nobody holds and a thread of its own."""
    global _flushing, _lock
    _lock = threading.Lock()
    _flushing = False
    forget()


def _stop() -> None:
    _stopping.set()
    flush()


_stopping = threading.Event()
os.register_at_fork(after_in_child=_forget_parent)
atexit.register(_stop)


def snapshot() -> dict[str, Any]:
    """The statistics as the API, the command and the metrics show them.

    Counts are those of all processes; while Redis is away, `connected` is False and they are this process's own.
    """
    flush()
    known = families.registered()
    try:
        counted = tally.counts([family.name for family in known])
        server: dict[str, Any] = tally.info()
        connected = True
    except StoreUnavailable:
        counted, server, connected = _own_counts(), {}, False
    per_family = {family.name: _shown(counted.get(family.name, {})) for family in known}
    public = [per_family[family.name] for family in known if not family.secret]
    hits, misses = (sum(row[event] for row in public) for event in ("hits", "misses"))
    return {
        "hits": hits,
        "misses": misses,
        "hit_rate_percent": rate(hits, misses),
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


def _own_counts() -> dict[str, dict[str, float]]:
    with _lock:
        return {
            family: {event: amount for (name, event), amount in _pending.items() if name == family}
            for family, _ in _pending
        }


def _shown(counted: dict[str, float]) -> dict[str, Any]:
    row: dict[str, Any] = {event: int(counted.get(event, 0)) for event in EVENTS}
    row["load_seconds"] = round(counted.get("load_seconds", 0.0), 6)
    row["hit_rate_percent"] = rate(row["hits"], row["misses"])
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
