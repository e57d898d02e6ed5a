"""Invalidation by tag: a tag's generation is deleted, and no value that carries the tag is valid any more.

One command, however many values carry the tag, and it works on a full Redis too. Generations are random words, so one
that was evicted or flushed makes a miss; it never makes an old value valid again.
"""

from collections.abc import Iterable

from redis import Redis

from systemcache import timing
from systemcache.errors import StoreUnavailable
from systemcache.storage.breaker import breaker
from systemcache.storage.connection import BREAKER_OPEN, run_past_breaker
from systemcache.storage.key_names import full_key, generation_key
from systemcache.storage.leases import unconfirmed


def invalidate_tags(tags: Iterable[str], keys: Iterable[str] = ()) -> None:
    """Invalidate all values that carry one of the tags; no load under way can store one either.

    `keys` are values whose memory is freed at once. A Redis that refuses (a replica, a disk that cannot be written)
    holds values that are no longer true, so this process stops reading from it.
    """
    if breaker.refuse_invalidation():
        raise StoreUnavailable(BREAKER_OPEN)
    try:
        with timing.span("cache"):
            run_past_breaker(_delete_generations, [*tags], [*keys])
    except StoreUnavailable as error:
        breaker.failed(error.reason)
        raise


def _delete_generations(redis: Redis, tags: Iterable[str], keys: Iterable[str] = ()) -> None:
    names = [*map(generation_key, tags), *map(full_key, keys)]
    if names:
        redis.unlink(*names)


def replay_invalidations(tags: Iterable[str]) -> bool:
    """For recovery, past the breaker: invalidate the tags; False if Redis still cannot be used."""
    try:
        run_past_breaker(_delete_generations, [*tags])
        unconfirmed.release()
    except StoreUnavailable:
        return False
    return True
