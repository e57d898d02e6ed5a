"""A cache as others build it, to show that the harness sees what leases prevent; and slower stores for both."""

import random
import time
from collections.abc import Sequence
from typing import Any

from systemcache import codec
from systemcache.storage import connection, key_names, leases
from systemcache.storage.leases import Lease


def install() -> None:
    """Stores are unconditional and stamped with the generations of now: a drop during the load is not noticed."""
    leases.store_many = store_unconditionally


def store_unconditionally(loaded: Sequence[tuple[Lease, codec.Entry]], stale_for: float = 0) -> list[bool]:
    return [_store(lease, entry, stale_for) for lease, entry in loaded]


def _store(lease: Lease, entry: codec.Entry, stale_for: float = 0) -> bool:
    words = _generations_now(lease)
    if None in words:  # invalidated meanwhile: made again
        leases.acquire(lease.ref, 1)
        words = _generations_now(lease)
    stamp = b",".join(word or b"" for word in words)
    _set(lease.ref.key, codec.pack(codec.Entry(entry.created, entry.ttl, entry.payload, stamp)), entry.ttl)
    leases.release(lease)
    return True


@connection.redis_command
def _generations_now(redis: Any, lease: Lease) -> list[bytes | None]:
    return list(redis.mget(key_names.generation_keys(lease.ref)))


@connection.redis_command
def _set(redis: Any, key: str, data: bytes, seconds: float) -> None:
    redis.set(key_names.full_key(key), data, px=int(1000 * seconds))


def slow_down_stores(most: float) -> None:
    """Up to `most` seconds between a load and its store: the moment in which others write."""
    real = leases.store_many

    def slow(loaded: Sequence[tuple[Lease, codec.Entry]], stale_for: float = 0) -> list[bool]:
        time.sleep(random.uniform(0, most))
        return real(loaded, stale_for)

    leases.store_many = slow
