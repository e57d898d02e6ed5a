"""One read, and how far it has to go: Redis, another caller's load, its own load, a stale value, the source alone."""

import logging
import random
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Generic, TypeVar

from systemcache import clock, codec, conf, families, keys, process_state
from systemcache.audit import check, findings, sampling
from systemcache.cached_value import CachedValue
from systemcache.codec import Entry
from systemcache.errors import StoreUnavailable
from systemcache.families import Family
from systemcache.fetching import hits
from systemcache.fetching.source import NEVER, Loaded, call_loader, event, failures, source_failed
from systemcache.invalidation import recovery, transactions
from systemcache.keys import KeyPart, Params
from systemcache.local import degraded
from systemcache.local.singleflight import SingleFlight
from systemcache.local.ttl_dict import TTLDict
from systemcache.stats import counters
from systemcache.storage import leases
from systemcache.storage.key_names import EntryRef
from systemcache.storage.leases import Lease

T = TypeVar("T")

REFRESH_AHEAD_INTERVAL = 1.0  # seconds between two tries of one process to refresh a value ahead of its end
# Lifetimes of a lease for which the one caller of a process waits: if its holder has died, the next one needs its time.
LEASE_WAITS = 2

logger = logging.getLogger(__name__)
single_flight: SingleFlight[CachedValue[Any]] = process_state.register(SingleFlight())
_refreshed_recently: TTLDict[bool] = process_state.register(TTLDict())
# Values that a full Redis did not take, with the generations under which they were loaded: while these stand the values
# are current, and their sources are spared as they are while Redis is away.
_not_stored: TTLDict[tuple[bytes, CachedValue[Any]]] = process_state.register(TTLDict())


def entry_ref(family: Family[Any], params: Params) -> EntryRef:
    """The key of a value and its tags. Raises InvalidKeyPart, UnregisteredFamily."""
    return _entry_ref(family.name, family.template, family.tags, tuple(params.items()), family.secret)


@lru_cache(4096)
def _entry_ref(
    name: str, template: str, tags: tuple[str, ...], items: tuple[tuple[str, KeyPart], ...], sealed: bool
) -> EntryRef:
    """The same reads come again and again. An error is not remembered."""
    families.require_registered(name)
    params = dict(items)
    tag_values = (keys.build_tag(tag, params) for tag in tags)
    return EntryRef(keys.build(template, params), tuple(dict.fromkeys((name, *tag_values))), sealed)


class Read(Generic[T]):
    """One read of one value. `ttl` (seconds, or a function of the loaded value) replaces the family's own, and so does
    what `ttl_before` returns, which is called before a load begins.

    A value that was loaded before `not_before` (seconds since 1970) is not fresh to this read.
    """

    __slots__ = ("family", "loader", "not_before", "ref", "ttl", "ttl_before", "ttl_of")

    def __init__(
        self,
        family: Family[T],
        ref: EntryRef,
        loader: Callable[[], T],
        ttl: int | Callable[[T], int | None] | None = None,
        not_before: float = 0.0,
        ttl_before: Callable[[], int] | None = None,
    ) -> None:
        self.family = family
        self.ref = ref
        self.loader = loader
        self.not_before = not_before
        self.ttl_before = ttl_before
        self.ttl_of = ttl if callable(ttl) else None
        self.ttl = self.jittered(None if callable(ttl) else ttl)

    def jittered(self, ttl: int | None) -> float:
        jitter = self.family.jitter * random.random()  # noqa: S311 - spreads work, protects nothing
        return max(1.0, (ttl or self.family.ttl) * (1 - jitter))

    def settle_ttl(self) -> None:
        """Find out the TTL before a lease is asked for: what it depends on may have to be loaded, too."""
        if self.ttl_before:
            self.ttl, self.ttl_before = self.jittered(self.ttl_before()), None

    @property
    def log_name(self) -> str:
        """For log lines: the keys of a secret family are not named."""
        return self.family.name if self.family.secret else self.ref.key

    def is_fresh(self, value: CachedValue[T]) -> bool:
        return hits.is_fresh(value) and value.content.born >= self.not_before

    def run(self) -> CachedValue[T]:
        """The value, counted once as what the read came to: a hit, a miss or a bypass."""
        recovery.ensure_started()
        since, outcome = clock.monotonic(), "bypasses"
        try:
            if transactions.has_uncommitted_writes(self.family):
                return self.load("bypass")  # what this transaction reads is not what others may see
            value = hits.stored(self.family, self.ref)
            if value and self.is_fresh(value):
                outcome = "hits"
                sampling.offer(self.family, self.ref, check.REDIS, value.content)
                return self.refresh_ahead(value) if hits.is_due(self.family, value) else value
            outcome = "misses"
            self.settle_ttl()
            return self.load_once(since)
        except StoreUnavailable as error:
            outcome = "bypasses"
            logger.debug("cache: read %s from its source: %s", self.log_name, error, extra=event(self.family, "bypass"))
            return degraded.read_degraded(self.family, self.ref.key, lambda: self.load("bypass"), since)
        finally:
            counters.count(self.family.name, outcome)

    # --- a miss ------------------------------------------------------------------------------------------------

    def load_once(self, since: float) -> CachedValue[T]:
        """One load in this process, one over all processes. Raises StoreUnavailable if Redis goes away meanwhile."""
        # Wait longer than the caller that leads: otherwise all would load at the moment at which that one begins to.
        deadline = since + (LEASE_WAITS + 1) * self.family.load_timeout
        while True:
            remaining = max(0.0, deadline - clock.monotonic())
            value, waited = single_flight.run(self.ref.key, self.load_or_wait, since=since, wait=remaining)
            if waited:
                counters.count(self.family.name, "waits")
            if value is not None and not (waited and value.content.born < self.not_before):
                return value
            if clock.monotonic() >= deadline:
                return self.load("miss")
            value = hits.stored(self.family, self.ref)
            if value and self.is_fresh(value):
                return value

    def load_or_wait(self) -> CachedValue[T]:
        """For all callers of this process: load, or wait while another process does."""
        deadline = clock.monotonic() + LEASE_WAITS * self.family.load_timeout
        while True:
            current_at = clock.monotonic()
            reply = leases.acquire(self.ref, self.family.load_timeout)
            value = hits.decode_entry(self.family, self.ref.key, reply.entry, current_at)
            if value and self.is_fresh(value):
                if reply.lease:
                    leases.release(reply.lease)
                return value
            stale = self.within_stale_for(value)
            if reply.lease:
                return self.load_with_lease(reply.lease, stale)
            if reply.source_cooling_down and stale:
                return self.as_stale(stale)
            if reply.source_cooling_down or clock.monotonic() >= deadline:
                return self.load_or_stale(stale)
            counters.count(self.family.name, "lease_waits")
            leases.wait(self.ref)

    def load_with_lease(self, lease: Lease, stale: CachedValue[T] | None) -> CachedValue[T]:
        """Load and store. If the load fails, release the lease, and return the stale value if there is one."""
        recent = _not_stored.get(self.ref.key)
        if recent and recent[0] == lease.generations and recent[1].content.born >= self.not_before:
            self.release_lease(lease, None)
            return recent[1]
        try:
            loaded = self.load("miss")
        except BaseException as error:
            self.release_lease(lease, stale)
            if isinstance(error, Exception) and (value := self.stale_if_error(stale, error)):
                return value
            raise
        if stale:
            findings.record_refresh(self.family, stale, loaded)
        stored_at = clock.monotonic()
        try:
            stored = self.store(lease, loaded)
        except StoreUnavailable as error:
            logger.debug("cache: %s is not stored: %s", self.log_name, error)
            if not self.family.strict:
                _not_stored.set(self.ref.key, (lease.generations, loaded), min(conf.degraded_hold(), self.ttl))
            self.release_lease(lease, None)
            return loaded
        if stored:
            loaded.current_at = stored_at  # nothing that it shows was invalidated until then
        else:
            counters.count(self.family.name, "refused")
        return loaded

    def load_or_stale(self, stale: CachedValue[T] | None) -> CachedValue[T]:
        """Load without a lease: the value is not stored."""
        try:
            return self.load("miss")
        except Exception as error:  # each source has errors of its own
            if value := self.stale_if_error(stale, error):
                return value
            raise

    def load(self, state: str) -> CachedValue[T]:
        """The source's value, which is not stored."""
        self.settle_ttl()
        loaded = call_loader(self.family, self.ref.key, self.loader, may_be_shared=state == "miss")
        if self.ttl_of:
            self.ttl = self.jittered(self.ttl_of(loaded.value))
        return self.as_cached_value(loaded.value, loaded, state)

    def as_cached_value(self, value: T, loaded: Loaded[Any], state: str) -> CachedValue[T]:
        entry = Entry(loaded.created, self.ttl, codec.encode(value))
        return CachedValue(
            self.family.type, entry, state, families=(self.family,), current_at=loaded.current_at, value=value
        )

    def store(self, lease: Lease, loaded: CachedValue[T]) -> bool:
        """False if something that the value shows was invalidated during the load."""
        # The load itself has written, and not committed yet; or it has read under an older snapshot.
        if transactions.has_uncommitted_writes(self.family) or loaded.current_at == NEVER:
            leases.release(lease)
            return False
        return leases.store(lease, Entry(loaded.created, self.ttl, loaded.payload), self.family.stale_for)

    def release_lease(self, lease: Lease, stale: CachedValue[T] | None) -> None:
        try:
            leases.release(lease, conf.cool_down() if stale else 0)
        except StoreUnavailable as error:
            logger.debug("cache: the lease of %s will expire by itself: %s", self.log_name, error)

    # --- stale if error (RFC 5861) -----------------------------------------------------------------------------

    def stale_if_error(self, stale: CachedValue[T] | None, error: Exception) -> CachedValue[T] | None:
        """The stale value, if the source is at fault and the value may still be shown."""
        usable = self.within_stale_for(stale) if source_failed(error) else None
        if usable is None:
            return None
        value = self.as_stale(usable)
        if value.stale:
            logger.warning(
                "cache: serving %s stale, its source failed: %s",
                self.log_name,
                error,
                extra=event(self.family, "stale"),
            )
        return value

    def within_stale_for(self, value: CachedValue[T] | None) -> CachedValue[T] | None:
        """The value, past its TTL or not, if it may still be shown when the source fails."""
        if value and value.age_seconds() < value.ttl + self.family.stale_for:
            return value
        return None

    def as_stale(self, value: CachedValue[T]) -> CachedValue[T]:
        if hits.is_fresh(value):
            return value
        counters.count(self.family.name, "stale")
        findings.record_stale(self.family, value)
        return value.with_state("stale")

    # --- refresh ahead -----------------------------------------------------------------------------------------

    def refresh_ahead(self, value: CachedValue[T]) -> CachedValue[T]:
        """Refresh a value that is near its end, unless another caller does. If that fails, `value` is still good."""
        key = self.ref.key
        if _refreshed_recently.get(key) or failures.get(key):
            return value
        _refreshed_recently.set(key, True, REFRESH_AHEAD_INTERVAL)
        try:
            return self._refresh(value)
        except Exception as error:  # each source has errors of its own
            if not hits.is_fresh(value):  # the load took longer than the rest of its TTL
                raise
            extra = event(self.family, "hit")
            logger.info("cache: refreshing %s ahead of its end failed: %s", self.log_name, error, extra=extra)
            return value

    def _refresh(self, value: CachedValue[T]) -> CachedValue[T]:
        self.settle_ttl()
        current_at = clock.monotonic()
        reply = leases.acquire(self.ref, self.family.load_timeout)
        if not reply.lease:
            return value
        newer = hits.decode_entry(self.family, self.ref.key, reply.entry, current_at)
        if newer and not hits.is_due(self.family, newer):  # another caller was quicker
            leases.release(reply.lease)
            return newer
        return self.load_with_lease(reply.lease, value)
