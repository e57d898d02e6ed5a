"""Fetch-through: a fresh value from the cache, or else one load from the source, or a stale value if the source fails.

A read goes as far down this list as it must:

1. The near cache holds a copy that may be shown (near families): a hit, without asking Redis.
2. Redis holds a fresh value whose generations stand: a hit.
3. Another caller in this process loads it: wait for that load, and take its value if it is known to be current.
4. Ask Redis for the lease. Granted: load, and store under the lease. Not granted: wait until its holder has finished.
5. The source fails: a value within `stale_for`, marked stale, or else the source's error.
6. Redis cannot be used: the source alone (local/degraded.py).
"""

from collections.abc import Callable
from typing import TypeVar

from systemcache.cached_value import CachedValue
from systemcache.errors import StoreUnavailable
from systemcache.families import Family
from systemcache.fetching import refresh
from systemcache.fetching.hits import is_fresh, near_hit, stored
from systemcache.fetching.read import Read, entry_ref
from systemcache.keys import Params
from systemcache.stats import counters
from systemcache.storage.key_names import EntryRef

T = TypeVar("T")


def fetch(
    family: Family[T],
    params: Params,
    loader: Callable[[], T],
    *,
    ttl: int | Callable[[T], int | None] | None = None,
    ttl_before: Callable[[], int] | None = None,
) -> CachedValue[T]:
    """The family's value for these parameters, from the cache or else from `loader`, whose errors are never stored.

    `ttl` (seconds, or a function of the loaded value) replaces the family's own for values that age faster;
    `ttl_before` is called for it before a load begins, and not for a hit. Raises what they and `loader` raise,
    InvalidKeyPart, UnregisteredFamily.
    """
    ref = entry_ref(family, params)
    not_before = refresh.not_before(family, [ref.key])
    value = (None if not_before else near_hit(family, ref)) or Read(
        family, ref, loader, ttl, not_before, ttl_before
    ).run()
    value.ref = ref
    return value


def peek(family: Family[T], params: Params) -> CachedValue[T] | None:
    """The fresh value that Redis holds, without loading or counting; None also while Redis cannot be used."""
    try:
        value = stored(family, entry_ref(family, params))
    except StoreUnavailable:
        return None
    return value if value and is_fresh(value) else None


def bypass(family: Family[T], loader: Callable[[], T]) -> CachedValue[T]:
    """A value for which the family has no key, straight from its source and stored nowhere."""
    counters.count(family.name, "bypasses")
    read = Read(family, EntryRef("-", ()), loader)
    read.ttl = 0  # nothing may keep it
    return read.load("bypass")
