"""Values by pattern: found, described, deleted. Raises StoreUnavailable when Redis cannot be asked.

SCAN and UNLINK step by step, never KEYS or one huge command: Redis answers others in between. What stands before a
pattern is the site's own prefix, taken literally, so that no pattern reaches a foreign key.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import cast

from systemcache import keys
from systemcache.store import Client, full_key, guarded, old_key

SCAN_COUNT = 2_000  # keys that Redis looks at in one step, in which nobody else is answered


@guarded
def delete(redis: Client, names: Iterable[str]) -> int:
    """Deletes values by key; returns how many there were."""
    return int(redis.unlink(*map(full_key, names)))


def delete_matching(pattern: str, progress: Callable[[int], object] = bool) -> int:
    """Deletes the values whose documented keys match a glob, old ones too; returns how many there were, without those.

    `progress` is told how many are gone after each step. In one pass for both: a pass costs Redis the same whatever it
    finds (half a second for 300,000 keys of anybody's).
    """
    match = "*" + keys.escape_glob(full_key("")) + pattern
    number, cursor, found = _step([], 0, match)
    at_end = False
    while not at_end:
        at_end = cursor == 0
        gone, cursor, found = _step(found, cursor, match)
        number += gone
        progress(number)
    return number


@guarded
def _step(redis: Client, found: list[bytes], cursor: int, match: str) -> tuple[int, int, list[bytes]]:
    """Frees what the last step has found of ours, and looks on, in one round trip."""
    values, old = ([name for name in found if name.startswith(start("").encode())] for start in (full_key, old_key))
    pipeline = redis.pipeline(transaction=False)
    for names in (values, old):
        if names:
            pipeline.unlink(*names)
    pipeline.scan(cursor, match=match, count=SCAN_COUNT)
    *gone, (cursor, found) = pipeline.execute()
    return int(gone[0]) if values else 0, int(cursor), found


@guarded
def _scan_page(redis: Client, cursor: int, match: str, count: int) -> tuple[int, list[bytes]]:
    return cast("tuple[int, list[bytes]]", redis.scan(cursor, match=match, count=count))


def _pages(match: str) -> Iterator[list[bytes]]:
    cursor, at_end = 0, False
    while not at_end:
        cursor, names = _scan_page(cursor, match, SCAN_COUNT)
        at_end = int(cursor) == 0
        if names:
            yield names


def scan(pattern: str) -> Iterator[list[str]]:
    """Pages of documented keys that match a glob. What stands before them is the site's own prefix, taken literally."""
    start = full_key("")
    for names in _pages(keys.escape_glob(start) + pattern):
        yield [name.decode("utf-8", "surrogateescape")[len(start) :] for name in names]


def page(pattern: str, cursor: int, count: int = SCAN_COUNT) -> tuple[int, list[str]]:
    """One step of a scan: the next cursor (0 at the end) and some keys."""
    start = full_key("")
    cursor, names = _scan_page(cursor, keys.escape_glob(start) + pattern, count)
    return int(cursor), [name.decode("utf-8", "replace")[len(start) :] for name in names]


@guarded
def look_on(redis: Client, pattern: str, cursor: int, count: int) -> tuple[int, list[str]]:
    """One step of a scan for values and old values: the next cursor (0 at the end), and the keys of what was found."""
    match = "*" + keys.escape_glob(full_key("")) + pattern
    cursor, found = cast("tuple[int, list[bytes]]", redis.scan(cursor, match=match, count=count))
    names = [name.decode("utf-8", "replace") for name in found]
    starts = (full_key(""), old_key(""))
    return int(cursor), [name.removeprefix(start) for name in names for start in starts if name.startswith(start)]


@guarded
def sample(redis: Client, count: int) -> tuple[int, list[str | None]]:
    """How many keys Redis holds, and of about `count` of them the documented key; None for what is no value of ours.

    Redis walks its keys in the order of their hashes, so that what comes first is a fair sample.
    """
    pipeline = redis.pipeline(transaction=False)
    pipeline.dbsize()
    pipeline.scan(0, count=count)
    number, (_, found) = pipeline.execute()
    start = full_key("")
    names = [name.decode("utf-8", "replace") for name in found]
    return int(number), [name.removeprefix(start) if name.startswith(start) else None for name in names]


@guarded
def count_present(redis: Client, groups: list[list[str]]) -> list[int]:
    """For each group of keys, how many of them have a value."""
    pipeline = redis.pipeline(transaction=False)
    for names in groups:
        pipeline.exists(*map(full_key, names))
    return list(map(int, pipeline.execute()))


@guarded
def describe(redis: Client, names: list[str]) -> list[dict[str, int | None]]:
    """For each key its remaining life in seconds and its size in bytes; None when it has gone meanwhile."""
    pipeline = redis.pipeline(transaction=False)
    for name in names:
        pipeline.ttl(full_key(name))
        pipeline.memory_usage(full_key(name))
    answers = iter(pipeline.execute())
    return [{"ttl": ttl if ttl >= 0 else None, "bytes": size} for ttl, size in zip(answers, answers, strict=True)]
