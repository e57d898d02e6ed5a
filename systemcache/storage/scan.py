"""Values by pattern: found, described, deleted.

SCAN and UNLINK step by step, never KEYS or one huge command, so that Redis serves others in between. The prefix before
a pattern is the site's own, taken literally, so that no pattern reaches a foreign key.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import cast

import msgspec
from redis import Redis

from systemcache import clock, codec, families, keys
from systemcache.storage.connection import redis_command
from systemcache.storage.key_names import full_key, stale_key

SCAN_COUNT = 2_000  # keys that Redis examines in one step, during which it serves no other client


@redis_command
def delete(redis: Redis, names: Iterable[str]) -> int:
    """Delete values by key; returns how many there were."""
    return int(redis.unlink(*map(full_key, names)))


def delete_matching(pattern: str, progress: Callable[[int], object] = bool) -> int:
    """Delete the values whose documented keys match a glob, stale values too; returns how many, without the stale ones.

    `progress` is called after each step with the number deleted so far. One pass finds both: a pass costs Redis the
    same whatever it finds (half a second for 300,000 keys of any kind).
    """
    match = "*" + keys.escape_glob(full_key("")) + pattern
    deleted, cursor, batch = _step([], 0, match)
    at_end = False
    while not at_end:
        at_end = cursor == 0
        count, cursor, batch = _step(batch, cursor, match)
        deleted += count
        progress(deleted)
    return deleted


def expire_matching(pattern: str, progress: Callable[[int], object] = bool) -> int:
    """End the TTL of the values whose documented keys match a glob; returns how many.

    Where a family has a `stale_for`, that begins now: the value may still be shown if its source fails.
    """
    expired = 0
    for names in scan(pattern):
        expired += _expire(names)
        progress(expired)
    return expired


@redis_command
def _expire(redis: Redis, names: list[str]) -> int:
    found = cast("list[bytes | None]", redis.mget([full_key(name) for name in names]))
    present = [(name, data) for name, data in zip(names, found, strict=True) if data is not None]
    pipeline = redis.pipeline(transaction=False)
    for name, data in present:
        family = families.of_key(name)
        if family and family.stale_for and (past := _past_its_ttl(data)):
            pipeline.set(stale_key(name), past, px=int(1000 * family.stale_for))
        pipeline.unlink(full_key(name))
    pipeline.execute()
    return len(present)


def _past_its_ttl(data: bytes) -> bytes | None:
    """The entry as if its TTL had ended now; None if it is none. (Values of secret families have no `stale_for`.)"""
    try:
        entry = codec.unpack(data)
    except codec.Undecodable:
        return None
    return codec.pack(msgspec.structs.replace(entry, created=clock.now() - timedelta(seconds=entry.ttl)))


@redis_command
def _step(redis: Redis, batch: list[bytes], cursor: int, match: str) -> tuple[int, int, list[bytes]]:
    """Delete ours among the keys of the last step, and take the next step, in one round trip."""
    values, stale = ([name for name in batch if name.startswith(start("").encode())] for start in (full_key, stale_key))
    pipeline = redis.pipeline(transaction=False)
    for names in (values, stale):
        if names:
            pipeline.unlink(*names)
    pipeline.scan(cursor, match=match, count=SCAN_COUNT)
    *counts, (cursor, batch) = pipeline.execute()
    return int(counts[0]) if values else 0, int(cursor), batch


@redis_command
def _scan_page(redis: Redis, cursor: int, match: str, count: int) -> tuple[int, list[bytes]]:
    return cast("tuple[int, list[bytes]]", redis.scan(cursor, match=match, count=count))


def scan(pattern: str) -> Iterator[list[str]]:
    """Pages of documented keys that match a glob."""
    start, cursor, at_end = full_key(""), 0, False
    while not at_end:
        cursor, names = _scan_page(cursor, keys.escape_glob(start) + pattern, SCAN_COUNT)
        at_end = int(cursor) == 0
        if names:
            yield [name.decode("utf-8", "surrogateescape")[len(start) :] for name in names]


def page(pattern: str, cursor: int, count: int = SCAN_COUNT) -> tuple[int, list[str]]:
    """One step of a scan: the next cursor (0 at the end) and some keys."""
    start = full_key("")
    cursor, names = _scan_page(cursor, keys.escape_glob(start) + pattern, count)
    return int(cursor), [name.decode("utf-8", "replace")[len(start) :] for name in names]


def page_with_stale(pattern: str, cursor: int, count: int) -> tuple[int, list[str]]:
    """The same for values and stale values, by the documented key of either."""
    cursor, found = _scan_page(cursor, "*" + keys.escape_glob(full_key("")) + pattern, count)
    names = [name.decode("utf-8", "replace") for name in found]
    starts = (full_key(""), stale_key(""))
    return int(cursor), [name.removeprefix(start) for name in names for start in starts if name.startswith(start)]


@redis_command
def sample(redis: Redis, count: int) -> tuple[int, list[str | None]]:
    """How many keys Redis holds, and the documented keys of about `count` of them; None for what is no value of ours.

    Redis walks its keys in the order of their hashes, so the first ones are a fair sample.
    """
    pipeline = redis.pipeline(transaction=False)
    pipeline.dbsize()
    pipeline.scan(0, count=count)
    total, (_, found) = pipeline.execute()
    start = full_key("")
    names = [name.decode("utf-8", "replace") for name in found]
    return int(total), [name.removeprefix(start) if name.startswith(start) else None for name in names]


@redis_command
def count_present(redis: Redis, groups: list[list[str]]) -> list[int]:
    """For each group of keys, how many of them have a value."""
    pipeline = redis.pipeline(transaction=False)
    for names in groups:
        pipeline.exists(*map(full_key, names))
    return list(map(int, pipeline.execute()))


@redis_command
def describe(redis: Redis, names: list[str]) -> list[dict[str, int | None]]:
    """The remaining TTL in seconds and the size in bytes of each key; None if it is gone."""
    pipeline = redis.pipeline(transaction=False)
    for name in names:
        pipeline.ttl(full_key(name))
        pipeline.memory_usage(full_key(name))
    replies = iter(pipeline.execute())
    return [{"ttl": ttl if ttl >= 0 else None, "bytes": size} for ttl, size in zip(replies, replies, strict=True)]
