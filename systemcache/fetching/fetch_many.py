"""Fetch-through for several keys of one family: one round trip to Redis, one load for all that is missing."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from systemcache import clock
from systemcache.cached_value import CachedValue
from systemcache.codec import Entry
from systemcache.errors import StoreUnavailable
from systemcache.families import Family
from systemcache.fetching import hits, refresh
from systemcache.fetching.read import Read, entry_ref
from systemcache.fetching.source import NEVER, call_loader, failures, record_failure
from systemcache.invalidation import recovery, transactions
from systemcache.keys import Params
from systemcache.local import degraded, near_cache
from systemcache.stats import counters
from systemcache.storage import entries, leases
from systemcache.storage.key_names import EntryRef
from systemcache.storage.leases import Lease

T = TypeVar("T")
Loader = Callable[[list[Params]], Sequence[T | Exception | None]]
Values = dict[str, CachedValue[T]]  # by key

logger = logging.getLogger(__name__)


class NoSuchValue(Exception):
    """The source has no such value: this is no failure of it, and nothing is stored."""

    status_code = 404


def fetch_many(
    family: Family[T],
    params_list: Sequence[Params],
    loader: "Loader[T]",
    *,
    ttl: Callable[[Params], int | None] = lambda _: None,
) -> list[CachedValue[T] | None]:
    """Values in the order of `params_list`. `loader` gets the parameters of what is missing and returns in their order.

    None, from the loader and here, means that the source has no such value; it is not stored. An exception in the place
    of a value means that this one failed; the others are stored. Stale values replace those that failed, or otherwise
    the exception is raised. `ttl` (seconds) replaces the family's own for values that age faster.
    """
    recovery.ensure_started()
    refs = [entry_ref(family, params) for params in params_list]
    order = [ref.key for ref in refs]
    batch = _Batch(family, dict(zip(order, params_list, strict=True)), dict(zip(order, refs, strict=True)), loader, ttl)
    if transactions.has_uncommitted_writes(family):
        counters.count(family.name, "bypasses", len(batch.refs))
        values = batch.load_all(batch.all_reads())
    else:
        try:
            values = batch.read()
        except StoreUnavailable as error:
            logger.debug("cache: read %d keys of %s from their source: %s", len(batch.refs), family.name, error)
            counters.count(family.name, "bypasses", len(batch.refs))
            values = batch.read_degraded()
    return [values.get(key) for key in order]


@dataclass(slots=True)
class _LoadResult(Generic[T]):
    """What one call of a loader returned, by key."""

    values: Values[T] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)


class _Batch(Generic[T]):
    """Several reads that share a loader, by key."""

    def __init__(
        self,
        family: Family[T],
        params: dict[str, Params],
        refs: dict[str, EntryRef],
        loader: "Loader[T]",
        ttl: Callable[[Params], int | None],
    ) -> None:
        self.family = family
        self.params = params
        self.refs = refs
        self.loader = loader
        self.ttl = ttl
        self.not_before = refresh.not_before(family, params)

    def all_reads(self) -> dict[str, Read[T]]:
        return {key: self._read_of(key) for key in self.refs}

    def _read_of(self, key: str) -> Read[T]:
        params = self.params[key]
        return Read(self.family, self.refs[key], self._loader_of(params), self.ttl(params), self.not_before)

    def _loader_of(self, params: Params) -> Callable[[], T]:
        def load_one() -> T:
            (value,) = self.loader([params])
            if value is None:
                raise NoSuchValue
            if isinstance(value, Exception):
                raise value
            return value

        return load_one

    def read(self) -> Values[T]:
        """From the cache, and from the source what is missing. Raises StoreUnavailable."""
        since = clock.monotonic()
        values = self._hits(since)
        missing = {key: self._read_of(key) for key in self.refs if key not in values}
        if missing:
            counters.count(self.family.name, "misses", len(missing))
            values |= self._load_missing(missing, since)
        return values

    def read_degraded(self) -> Values[T]:
        """Without Redis: what is held in this process, and the rest from the source."""
        values: Values[T] = {key: value for key in self.refs if (value := degraded.held(key))}
        loaded = self.load_all({key: self._read_of(key) for key in self.refs if key not in values})
        for key, value in loaded.items():
            degraded.hold_briefly(self.family, key, value)
        return values | loaded

    def load_all(self, reads: dict[str, Read[T]]) -> Values[T]:
        """Straight from the source: all of them, or the error of one."""
        result = self._load(reads, "bypass")
        for error in result.failures.values():
            raise error.with_traceback(None)
        return result.values

    def _hits(self, current_at: float) -> Values[T]:
        """Fresh values, from the near cache or else from Redis, counted."""
        near = hits.near_copies(self.family, self.refs)
        copies = {key: copy for key, copy in near.items() if copy.content.born >= self.not_before}
        if copies:
            counters.count(self.family.name, "near_hits", len(copies))
        reservations = [near_cache.copies.reserve(ref) for key, ref in self.refs.items() if key not in copies]
        if not reservations:
            return copies
        fresh: Values[T] = {}
        for reservation, entry in zip(reservations, entries.read_many([r.ref for r in reservations]), strict=True):
            value = hits.decode_entry(self.family, reservation.ref.key, entry, current_at)
            if value:
                near_cache.copies.fill(reservation, value.content)
                if hits.is_fresh(value) and value.content.born >= self.not_before:
                    fresh[reservation.ref.key] = value
        if fresh:
            counters.count(self.family.name, "hits", len(fresh))
        return copies | fresh

    def _load_missing(self, missing: dict[str, Read[T]], since: float) -> Values[T]:
        """Load together what no other caller loads, and wait for what others load."""
        current_at = clock.monotonic()
        refs = [read.ref for read in missing.values()]
        replies = dict(zip(missing, leases.acquire_many(refs, self.family.load_timeout), strict=True))
        granted = {key: reply.lease for key, reply in replies.items() if reply.lease}
        values: Values[T] = {}
        stale: Values[T] = {}
        result = _LoadResult[T]()
        try:
            for key, reply in replies.items():
                if value := hits.decode_entry(self.family, key, reply.entry, current_at):
                    (values if missing[key].is_fresh(value) else stale)[key] = (
                        value  # fresh: stored since the first look
                    )
            result = self._load({key: missing[key] for key in granted if key not in values}, "miss")
        finally:
            for key in granted.keys() - result.values.keys():
                missing[key].release_lease(granted[key], stale.get(key))
            self._store([(missing[key], granted[key], value) for key, value in result.values.items()])
        values |= result.values
        for key, error in result.failures.items():
            if not (value := missing[key].stale_if_error(stale.get(key), error)):
                raise error.with_traceback(None)
            values[key] = value
        for key in missing.keys() - granted.keys() - values.keys():
            with suppress(NoSuchValue):
                values[key] = missing[key].load_once(since)
        return values

    def _load(self, reads: dict[str, Read[T]], state: str) -> _LoadResult[T]:
        """All of them by one call of the loader, except those that failed a moment ago."""
        result = _LoadResult[T](failures={key: failure for key in reads if (failure := failures.get(key))})
        tried = {key: read for key, read in reads.items() if key not in result.failures}
        if not tried:
            return result
        loaded = call_loader(
            self.family,
            " ".join(sorted(tried)),
            lambda: self.loader([self.params[key] for key in tried]),
            may_be_shared=state == "miss",
        )
        for (key, read), value in zip(tried.items(), loaded.value, strict=True):
            if isinstance(value, Exception):
                record_failure(self.family, key, value)
                result.failures[key] = value
            elif value is not None:
                result.values[key] = read.as_cached_value(value, loaded, state)
        return result

    def _store(self, loaded: list[tuple[Read[T], Lease, CachedValue[T]]]) -> None:
        """Store them together, as Read.store does with one value."""
        is_current = all(value.current_at != NEVER for _, _, value in loaded)
        try:
            if loaded and is_current and not transactions.has_uncommitted_writes(self.family):
                new = [(lease, Entry(value.created, read.ttl, value.payload)) for read, lease, value in loaded]
                leases.store_many(new, self.family.stale_for)
                return
        except StoreUnavailable as error:
            logger.debug("cache: %d keys of %s are not stored: %s", len(loaded), self.family.name, error)
        for read, lease, _ in loaded:
            read.release_lease(lease, None)
