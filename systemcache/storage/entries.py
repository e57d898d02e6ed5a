"""Reading values: one MGET brings a value with the epoch and generations that decide whether it is valid."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

from redis import Redis

from systemcache import codec
from systemcache.storage import sealing
from systemcache.storage.connection import redis_command
from systemcache.storage.key_names import EntryRef, epoch_key, full_key, generation_key, generation_keys, stale_key


class Miss:
    def __bool__(self) -> bool:
        return False


MISS: Final = Miss()  # distinct from a cached None, [] or 0
Lookup = codec.Entry | Miss | codec.Undecodable


@redis_command
def read(redis: Redis, ref: EntryRef) -> Lookup:
    """The valid entry of a key, in one round trip; MISS if there is none, an error if it is no entry."""
    data, *generations = _mget(redis, [full_key(ref.key), *generation_keys(ref)])
    return _validate(ref, data, generations)


@redis_command
def read_many(redis: Redis, refs: Sequence[EntryRef]) -> list[Lookup]:
    """The same for several keys, in one round trip."""
    names = {tag: generation_key(tag) for ref in refs for tag in ref.tags}
    epoch, *rest = _mget(redis, [epoch_key(), *names.values(), *(full_key(ref.key) for ref in refs)])
    generations = dict(zip(names, rest[: len(names)], strict=True))
    return [
        _validate(ref, data, [epoch, *(generations[tag] for tag in ref.tags)])
        for ref, data in zip(refs, rest[len(names) :], strict=True)
    ]


def _mget(redis: Redis, names: Sequence[str]) -> list[bytes | None]:
    """MGET without the layers that redis-py wraps around each command, which are a third of what a hit costs."""
    pool = redis.connection_pool
    connection: Any = pool.get_connection()
    try:
        connection.send_command("MGET", *names)
        return cast("list[bytes | None]", connection.read_response())
    except BaseException:
        connection.disconnect()  # its reply may still be on the way; redis-py's own errors have done so already
        raise
    finally:
        pool.release(connection)


def _validate(ref: EntryRef, data: bytes | None, generations: Iterable[bytes | None]) -> Lookup:
    words = list(generations)
    if None in words:
        return MISS
    return unpack_if_valid(ref, data, b",".join(cast("list[bytes]", words)))


def unpack_if_valid(ref: EntryRef, data: bytes | None, generations: bytes) -> Lookup:
    """The entry in these bytes, if it was stored under these generations."""
    if data is None:
        return MISS
    try:
        entry = sealing.unpack(ref, data)
    except codec.Undecodable as error:
        return error
    return entry if entry.generations == generations else MISS


# --- for operators: nothing below counts as a read -----------------------------------------------------------


@redis_command
def inspect(redis: Redis, refs: Sequence[EntryRef], head: int) -> list[tuple[list[Any], list[Any], list[bytes | None]]]:
    """What stands under some keys, in one round trip: of the value and of the stale value each [the first `head` bytes,
    the remaining TTL in ms, the memory in bytes or None]; then epoch and generations. An error reply stands in place.
    """
    pipeline = redis.pipeline(transaction=False)
    for ref in refs:
        for name in (full_key(ref.key), stale_key(ref.key)):
            pipeline.getrange(name, 0, head - 1)
            pipeline.pttl(name)
            pipeline.memory_usage(name)
        pipeline.mget(generation_keys(ref))
    replies = iter(pipeline.execute(raise_on_error=False))
    rows = ([next(replies) for _ in range(7)] for _ in refs)
    return [(row[:3], row[3:6], row[6]) for row in rows]


@redis_command
def raw_bytes(redis: Redis, key: str, *, stale: bool) -> bytes:
    """The stored bytes of a value, or of the stale value; empty if it is gone or of another type."""
    pipeline = redis.pipeline(transaction=False)
    pipeline.get(stale_key(key) if stale else full_key(key))
    (data,) = pipeline.execute(raise_on_error=False)
    return data if isinstance(data, bytes) else b""
