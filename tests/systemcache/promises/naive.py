"""A cache as others build it, to show that the harness sees what leases prevent; and slower stores for both."""

import random
import time
from collections.abc import Sequence
from typing import Any

from systemcache import codec, store
from systemcache.store import Lease


def install() -> None:
    """Stores are unconditional and stamped with the generations of now: a drop during the load is not noticed."""
    store.store_many = _store_many


def _store_many(loaded: Sequence[tuple[Lease, codec.Entry]], stale_for: float = 0) -> list[bool]:
    return [_store(lease, entry, stale_for) for lease, entry in loaded]


def _store(lease: Lease, entry: codec.Entry, stale_for: float = 0) -> bool:
    words = _generations_now(lease)
    if None in words:  # dropped meanwhile: made anew
        store.acquire(lease.spot, 1)
        words = _generations_now(lease)
    stamp = b",".join(word or b"" for word in words)
    _set(lease.spot.key, codec.pack(codec.Entry(entry.created, entry.ttl, entry.payload, stamp)), entry.ttl)
    store.abandon(lease)
    return True


@store.guarded
def _generations_now(redis: Any, lease: Lease) -> list[bytes | None]:
    return list(redis.mget(store.generation_keys(lease.spot)))


@store.guarded
def _set(redis: Any, key: str, data: bytes, seconds: float) -> None:
    redis.set(store.full_key(key), data, px=int(1000 * seconds))


def slow_down_stores(most: float) -> None:
    """Up to `most` seconds between a load and its store: the moment in which others write."""
    real = store.store_many

    def slow(loaded: Sequence[tuple[Lease, codec.Entry]], stale_for: float = 0) -> list[bool]:
        time.sleep(random.uniform(0, most))
        return real(loaded, stale_for)

    store.store_many = slow
