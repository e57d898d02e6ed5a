"""The only hand on Redis. Every function raises StoreUnavailable, and nothing else, when Redis cannot be asked."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, cast

from django_redis import get_redis_connection
from redis import ConnectionError as RedisConnectionError
from redis import Redis, RedisError, ResponseError

from systemcache import codec, conf, keys
from systemcache.breaker import Breaker
from systemcache.errors import StoreUnavailable

P = ParamSpec("P")
R = TypeVar("R")

SCAN_COUNT = 2_000
STATS_TTL = 30 * 86_400  # seconds; every key has an end


class _Miss:
    def __bool__(self) -> bool:
        return False


MISS: Final = _Miss()  # told apart from a cached None, [] or 0

breaker = Breaker(conf.breaker_failures(), conf.breaker_pause())


def _guarded(operation: Callable[Concatenate["Redis", P], R]) -> Callable[P, R]:
    """Runs an operation on a pooled connection, behind the breaker, with Redis's errors translated.

    That Redis closed a pooled connection (a restart) shows only when it is used: worth one more try.
    """

    @functools.wraps(operation)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if not breaker.allows():
            raise StoreUnavailable("left alone for a moment after failures")
        try:
            try:
                result = operation(get_redis_connection("default"), *args, **kwargs)
            except RedisConnectionError:
                result = operation(get_redis_connection("default"), *args, **kwargs)
        except ResponseError as error:  # Redis is there and says no: full, read-only, a key of another kind
            raise StoreUnavailable(str(error).split(" ", 1)[0]) from error
        except (RedisError, OSError) as error:
            breaker.failed()
            raise StoreUnavailable(type(error).__name__) from error
        breaker.succeeded()
        return result

    return call


def full_key(key: str) -> str:
    return f"{conf.prefix()}:{key}"


def _stats_key(name: str) -> str:
    # Beside the values' prefix, not below it: a clear of everything must not forget the counts.
    return f"stats:{conf.prefix()}:{name}"


@_guarded
def read(redis: "Redis", key: str) -> codec.Entry | _Miss:
    """The entry under a key, or MISS. Raises codec.Undecodable for bytes that no `write` left there."""
    data = cast("bytes | None", redis.get(full_key(key)))  # never str: the client does not decode
    return MISS if data is None else codec.unpack(data)


@_guarded
def read_many(redis: "Redis", names: list[str]) -> list[codec.Entry | _Miss | codec.Undecodable]:
    """The entries under several keys in one round trip; what does not decode comes back as its error."""
    found = cast("list[bytes | None]", redis.mget([full_key(name) for name in names]))
    return [_unpacked(data) for data in found]


def _unpacked(data: bytes | None) -> codec.Entry | _Miss | codec.Undecodable:
    try:
        return MISS if data is None else codec.unpack(data)
    except codec.Undecodable as error:
        return error


@_guarded
def write_many(redis: "Redis", entries: Mapping[str, codec.Entry], ttl: int) -> None:
    pipeline = redis.pipeline(transaction=False)
    for name, entry in entries.items():
        pipeline.set(full_key(name), codec.pack(entry), ex=ttl)
    pipeline.execute()


@_guarded
def write(redis: "Redis", key: str, entry: codec.Entry, ttl: int) -> None:
    redis.set(full_key(key), codec.pack(entry), ex=ttl)


@_guarded
def delete(redis: "Redis", names: Iterable[str]) -> int:
    """Drops keys by name; returns how many there were."""
    return int(redis.unlink(*map(full_key, names)))


@_guarded
def _scan_page(redis: "Redis", cursor: int, match: str, count: int) -> tuple[int, list[bytes]]:
    return cast("tuple[int, list[bytes]]", redis.scan(cursor, match=match, count=count))


def scan(pattern: str) -> Iterator[list[str]]:
    """Pages of documented keys that match a glob. What stands before them is the site's own prefix, taken literally."""
    cursor, seen_all = 0, False
    while not seen_all:
        cursor, names = page(pattern, cursor)
        seen_all = cursor == 0
        if names:
            yield names


def page(pattern: str, cursor: int, count: int = SCAN_COUNT) -> tuple[int, list[str]]:
    """One step of a scan: the next cursor (0 at the end) and some keys."""
    start = len(full_key(""))
    cursor, names = _scan_page(cursor, keys.escape_glob(full_key("")) + pattern, count)
    return int(cursor), [name.decode("utf-8", "replace")[start:] for name in names]


@_guarded
def describe(redis: "Redis", names: list[str]) -> list[dict[str, int | None]]:
    """For each key its remaining life in seconds and its size in bytes; None when it has gone meanwhile."""
    pipeline = redis.pipeline(transaction=False)
    for name in names:
        pipeline.ttl(full_key(name))
        pipeline.memory_usage(full_key(name))
    answers = iter(pipeline.execute())
    return [{"ttl": ttl if ttl >= 0 else None, "bytes": size} for ttl, size in zip(answers, answers, strict=True)]


@_guarded
def add_counts(redis: "Redis", counts: Mapping[tuple[str, str], float]) -> None:
    """Adds to the counts of all processes: {(family, event): how much}."""
    pipeline = redis.pipeline(transaction=True)
    for (family, event), amount in counts.items():
        pipeline.hincrbyfloat(_stats_key(family), event, amount)
    for family in {family for family, _ in counts}:
        pipeline.expire(_stats_key(family), STATS_TTL)
    pipeline.execute()


@_guarded
def counts(redis: "Redis", families: list[str]) -> dict[str, dict[str, float]]:
    """Per family, what all processes have counted."""
    pipeline = redis.pipeline(transaction=False)
    for family in families:
        pipeline.hgetall(_stats_key(family))
    return {
        family: {event.decode(): float(amount) for event, amount in answer.items()}
        for family, answer in zip(families, pipeline.execute(), strict=True)
    }


@_guarded
def info(redis: "Redis") -> dict[str, Any]:
    """Redis's own INFO."""
    return dict(redis.info())
