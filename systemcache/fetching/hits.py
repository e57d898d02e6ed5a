"""Hits: reads that need no source, from the near cache or else from Redis."""

import logging
from collections.abc import Iterable
from typing import Any, TypeVar

from systemcache import clock, codec
from systemcache.audit import check, sampling
from systemcache.cached_value import CachedValue, Content
from systemcache.codec import Entry
from systemcache.families import Family
from systemcache.fetching.source import event
from systemcache.invalidation import recovery, transactions
from systemcache.local import listener, near_cache
from systemcache.stats import counters
from systemcache.storage import entries
from systemcache.storage.breaker import breaker
from systemcache.storage.key_names import EntryRef

T = TypeVar("T")

MIN_TTL_TO_REFRESH = 5  # seconds: values with a shorter TTL are not refreshed ahead
REFRESH_AHEAD_AT = 0.75  # of its TTL: from then on one caller refreshes a value of a family with `ahead`

logger = logging.getLogger(__name__)


def get_hit(family: Family[T], ref: EntryRef) -> CachedValue[T] | None:
    """A counted hit that can be shown as it is; None for anything else. Raises StoreUnavailable."""
    if value := near_hit(family, ref):
        return value
    recovery.ensure_started()
    if transactions.has_uncommitted_writes(family):
        return None
    value = stored(family, ref)
    if value is None or not is_fresh(value) or is_due(family, value):
        return None
    counters.count(family.name, "hits")
    sampling.offer(family, ref, check.REDIS, value.content)
    return value


def near_hit(family: Family[T], ref: EntryRef) -> CachedValue[T] | None:
    """A counted hit from the near cache alone."""
    if not family.near:
        return None
    recovery.ensure_started()
    value = None if transactions.has_uncommitted_writes(family) else near_copy(family, ref.key)
    if value is None or is_due(family, value):
        return None
    counters.count(family.name, "near_hits")
    sampling.offer(family, ref, check.NEAR, value.content)
    return value


def near_copy(family: Family[T], key: str) -> CachedValue[T] | None:
    """A fresh near copy that may be shown without asking Redis.

    None while the breaker is open: a Redis that refuses writes goes on answering the listener, but no invalidation
    reaches it, so what the listener hears vouches for no copy.
    """
    if not (family.near and breaker.allows()):
        return None
    listener.ensure_started()
    content = near_cache.copies.get(key)
    if content is None:
        return None
    value = CachedValue.of(content, "hit", clock.monotonic())
    return value if is_fresh(value) else None


def near_copies(family: Family[T], keys: Iterable[str]) -> dict[str, CachedValue[T]]:
    """The same for several keys."""
    if not (family.near and breaker.allows()):
        return {}
    listener.ensure_started()
    now, timestamp = clock.monotonic(), clock.timestamp()
    return {
        key: CachedValue.of(content, "hit", now)
        for key, content in near_cache.copies.get_many(keys)
        if timestamp - content.born < content.ttl
    }


def stored(family: Family[T], ref: EntryRef) -> CachedValue[T] | None:
    """What Redis holds, fresh or not; the near cache keeps it. Raises StoreUnavailable."""
    current_at = clock.monotonic()
    reservation = near_cache.copies.reserve(ref)
    value = decode_entry(family, ref.key, entries.read(ref), current_at)
    if value:
        near_cache.copies.fill(reservation, value.content)
    return value


def decode_entry(family: Family[T], key: str, entry: entries.Lookup, current_at: float) -> CachedValue[T] | None:
    """The entry as a value of the family's type: what does not decode is a miss now rather than an error later."""
    try:
        if isinstance(entry, codec.Undecodable):
            raise entry
        if not isinstance(entry, Entry):
            return None
        return CachedValue.of(_content(family, key, entry), "hit", current_at)
    except codec.Undecodable as error:
        name, extra = family.name if family.secret else key, event(family, "undecodable")
        logger.warning("cache: %s cannot be decoded and is loaded again: %s", name, error, extra=extra)
        counters.count(family.name, "undecodable")
        return None


def _content(family: Family[T], key: str, entry: Entry) -> Content[T]:
    """Bytes that this process has decoded before are not decoded again. Raises Undecodable."""
    known = near_cache.copies.peek(key)
    if known is not None and known.type is family.type and known.is_of(entry):
        return known
    return Content(family.type, entry, codec.decode(entry.payload, family.type), families=(family,))


def is_fresh(value: CachedValue[Any]) -> bool:
    return value.age_seconds() < value.ttl


def is_due(family: Family[Any], value: CachedValue[Any]) -> bool:
    """Whether the value is to be refreshed ahead of its end."""
    return family.ahead and value.ttl >= MIN_TTL_TO_REFRESH and value.age_seconds() >= REFRESH_AHEAD_AT * value.ttl
