"""The only hand on Redis. Every function raises StoreUnavailable, and nothing else, when Redis cannot be asked.

Under the site's prefix stand the values alone, under their documented keys. Beside it:

    epoch:<prefix>        the run id of the Redis that all values were stored under, and a random part
    gen:<prefix>:<tag>    a tag's generation, a random word; to drop a tag is to delete it
    lease:<prefix>:<key>  who loads the value now, under which generations
    wake:<prefix>:<key>   a list of one element, once a load has ended: what waiters block on
    old:<prefix>:<key>    the value once more, for longer, if it may be shown when its source fails
    stats:<prefix>        what all processes have counted, and up to which batch of each
    series:<prefix>:<family>:<n>  the same by the minute, ten minutes a key
    lead:<prefix>:<work>  who does what one process of all does
    marks:<prefix>        when Redis and the site were started
    turns:<prefix>:<name> when the last calls of a source that counts them were, or will be, allowed
    calls:<prefix>:<name> those that it may count now

A value is good while epoch and generations are those under which its load began. All of them end by themselves, and an
evicted one makes a miss, never an old value good again.
"""

import functools
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, cast

from django_redis import get_redis_connection
from redis import BlockingConnectionPool, Redis, RedisError, ResponseError
from redis import ConnectionError as RedisConnectionError

from systemcache import codec, conf, scripts, timing
from systemcache.breaker import Breaker
from systemcache.errors import StoreUnavailable

Client = Redis  # what operations are handed, here and in the modules that build on this one
P = ParamSpec("P")
R = TypeVar("R")

GENERATION_LIFE = 30 * 86_400_000  # milliseconds; longer than any value's
SIGNAL_LIFE = 500  # milliseconds; who comes later sleeps for a slice. Under many misses each takes the room of a value
MARKS_LIFE = 25 * 3_600  # seconds
LOADS = ""  # the tag of all loads under way: dropped, none of them can store what it loads; no value carries it
LEFT_ALONE = "left alone for a moment after failures"


class _Miss:
    def __bool__(self) -> bool:
        return False


MISS: Final = _Miss()  # told apart from a cached None, [] or 0
Found = codec.Entry | _Miss | codec.Undecodable

breaker = Breaker(conf.breaker_pause)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a value stands: its key, and the tags that it carries (its family's name among them)."""

    key: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to load a value and to store it while nothing that it shows is dropped."""

    spot: Spot
    token: str
    generations: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """The answer to a wish for a lease: the lease; or None, another loads or (`cooling`) the source has just failed.

    `found` is what stands there: values that were stored meanwhile, and old ones for when the source fails.
    """

    lease: Lease | None
    cooling: bool
    found: Found


class Pool(BlockingConnectionPool):
    """django-redis's pool. Each new connection first sees to it that nothing is trusted that an earlier Redis held."""

    def __init__(self, **options: Any) -> None:
        # RESP3 would let the server speak unasked, lengthen the timeouts to ten seconds (redis-py's "maintenance
        # notifications") and stop the pool from checking that a connection holds no answer that nobody has read.
        options.setdefault("protocol", 2)
        super().__init__(redis_connect_func=_greet, **options)  # type: ignore[no-untyped-call]  # redis-py's


_server = {"run_id": b"unknown"}  # of the Redis that this process has connected to last


def _greet(connection: Any) -> None:
    connection.on_connect()
    connection.send_command("INFO", "server")
    told = re.search(rb"run_id:(\w+)", connection.read_response())
    if not told:
        raise RedisError("INFO names no run id")  # any other error would leave the connection in the pool, not greeted
    _server["run_id"] = told[1]
    words = [_server["run_id"], secrets.token_hex(8), GENERATION_LIFE, MARKS_LIFE]
    connection.send_command("EVAL", scripts.GREET, 2, epoch_key(), marks_key(), *words)
    connection.read_response()


def guarded(operation: Callable[Concatenate["Redis", P], R]) -> Callable[P, R]:
    """Runs an operation on a pooled connection, behind the breaker, with Redis's errors translated.

    That Redis closed a pooled connection (a restart) shows only when it is used: worth one more try.
    """

    @functools.wraps(operation)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if not breaker.allows():
            raise StoreUnavailable(LEFT_ALONE)
        with timing.span("wait" if operation.__name__ == "wait" else "cache"):
            return _translated(operation, *args, **kwargs)

    return call


def _translated(operation: Callable[Concatenate["Redis", P], R], *args: P.args, **kwargs: P.kwargs) -> R:
    try:
        try:
            return operation(get_redis_connection("default"), *args, **kwargs)
        except RedisConnectionError:
            return operation(get_redis_connection("default"), *args, **kwargs)
    except ResponseError as error:  # Redis is there and says no: full, read-only, a key of another kind
        raise StoreUnavailable(str(error).split(" ", 1)[0]) from error
    except (RedisError, OSError) as error:
        breaker.failed(type(error).__name__)
        raise StoreUnavailable(type(error).__name__) from error


LOST: tuple[type[Exception], ...] = (RedisError, OSError)  # what a connection of one's own raises


def own_connection() -> Any:
    """A connection that is in no pool, not connected yet; it raises LOST."""
    pool = get_redis_connection("default").connection_pool
    return pool.connection_class(**pool.connection_kwargs)


def full_key(key: str) -> str:
    return f"{conf.prefix()}:{key}"


def epoch_key() -> str:
    return f"epoch:{conf.prefix()}"


def marks_key() -> str:
    return f"marks:{conf.prefix()}"


def generation_key(tag: str) -> str:
    return f"gen:{conf.prefix()}:{tag}"


def lease_key(key: str) -> str:
    return f"lease:{conf.prefix()}:{key}"


def old_key(key: str) -> str:
    return f"old:{conf.prefix()}:{key}"


def _signal_key(key: str) -> str:
    return f"wake:{conf.prefix()}:{key}"


def generation_keys(spot: Spot) -> list[str]:
    return [epoch_key(), *map(generation_key, spot.tags)]


def _all_keys(spot: Spot) -> list[str]:
    names = [full_key(spot.key), lease_key(spot.key), _signal_key(spot.key), old_key(spot.key)]
    return [*names, *generation_keys(spot), generation_key(LOADS)]


def _of_value(generations: bytes) -> bytes:
    """Those that stay with the value: the last, that of loads, matters only while it is loaded."""
    return generations.rpartition(b",")[0]


# --- reading -----------------------------------------------------------------------------------------------


@guarded
def read(redis: "Redis", spot: Spot) -> Found:
    """The value at a spot, in one round trip; MISS when there is none or it was dropped, an error that it cannot be."""
    data, *generations = _mget(redis, [full_key(spot.key), *generation_keys(spot)])
    return _judged(data, generations)


def _mget(redis: "Redis", names: Sequence[str]) -> list[bytes | None]:
    """As redis-py's own, without what that wraps around each command: a third of what a hit costs."""
    pool = redis.connection_pool
    connection: Any = pool.get_connection()
    try:
        connection.send_command("MGET", *names)
        return cast("list[bytes | None]", connection.read_response())
    except BaseException:
        connection.disconnect()  # its answer may be still to come
        raise
    finally:
        pool.release(connection)


@guarded
def read_many(redis: "Redis", spots: Sequence[Spot]) -> list[Found]:
    """The values at several spots, in one round trip."""
    names = {tag: generation_key(tag) for spot in spots for tag in spot.tags}
    found = _mget(redis, [epoch_key(), *names.values(), *(full_key(spot.key) for spot in spots)])
    epoch, generations = found[0], dict(zip(names, found[1 : 1 + len(names)], strict=True))
    values = found[1 + len(names) :]
    return [
        _judged(data, [epoch, *(generations[tag] for tag in spot.tags)])
        for spot, data in zip(spots, values, strict=True)
    ]


def _judged(data: bytes | None, generations: Iterable[bytes | None]) -> Found:
    words = list(generations)
    if data is None or None in words:
        return MISS
    return _unpacked(data, b",".join(cast("list[bytes]", words)))


def _unpacked(data: bytes | None, generations: bytes) -> Found:
    try:
        if data is None:
            return MISS
        entry = codec.unpack(data)
    except codec.Undecodable as error:
        return error
    return entry if entry.generations == generations else MISS


# --- loading -----------------------------------------------------------------------------------------------


_owed: dict[str, Spot] = {}  # by token: leases that Redis may hold for this process, which could not give them back


@contextmanager
def _owing(spots: Mapping[str, Spot]) -> Iterator[None]:
    """What was not answered may have been done, or be done yet: leases are given back when Redis is in order."""
    try:
        yield
    except StoreUnavailable:
        _owed.update(spots)
        raise


def acquire(spot: Spot, seconds: float) -> Asked:
    """Asks for the lease of a spot, for `seconds` at the most."""
    return acquire_many([spot], seconds)[0]


def acquire_many(spots: Iterable[Spot], seconds: float) -> list[Asked]:
    """Asks for the leases of several spots together."""
    tokens = {secrets.token_hex(8): spot for spot in spots}
    with _owing(tokens):
        return _acquire(tokens, seconds)


@guarded
def _acquire(redis: "Redis", tokens: Mapping[str, Spot], seconds: float) -> list[Asked]:
    words = [int(1000 * seconds), GENERATION_LIFE, _server["run_id"]]
    calls: list[scripts.Call] = [(_all_keys(spot), [token, *words]) for token, spot in tokens.items()]
    answers = scripts.run_many(redis, scripts.ACQUIRE, calls)
    return [_asked(*place, *answer) for place, answer in zip(tokens.items(), answers, strict=True)]


def _asked(token: str, spot: Spot, granted: int, data: bytes | None, generations: bytes) -> Asked:
    lease = Lease(spot, token, generations) if granted == 1 else None
    return Asked(lease, granted == -1, _unpacked(data, _of_value(generations)))


def store(lease: Lease, entry: codec.Entry, stale_for: float = 0) -> bool:
    """Stores what was loaded under a lease and wakes the waiters; False when the lease no longer stands.

    The value stays for its TTL, and as an old value for `stale_for` seconds more.
    """
    return store_many([(lease, entry)], stale_for)[0]


def store_many(loaded: Sequence[tuple[Lease, codec.Entry]], stale_for: float = 0) -> list[bool]:
    """Stores several values together."""
    with _owing({lease.token: lease.spot for lease, _ in loaded}):
        return _store(loaded, stale_for)


@guarded
def _store(redis: "Redis", loaded: Sequence[tuple[Lease, codec.Entry]], stale_for: float) -> list[bool]:
    return [bool(kept) for kept in scripts.run_many(redis, scripts.STORE, [_call(*item, stale_for) for item in loaded])]


def _call(lease: Lease, entry: codec.Entry, stale_for: float) -> scripts.Call:
    data = codec.pack(codec.Entry(entry.created, entry.ttl, entry.payload, _of_value(lease.generations)))
    life, old_life = int(1000 * entry.ttl), int(1000 * (entry.ttl + stale_for)) if stale_for else 0
    return _all_keys(lease.spot), [lease.token, lease.generations, SIGNAL_LIFE, data, life, old_life]


def abandon(lease: Lease, cool_down: float = 0) -> None:
    """Gives a lease back and wakes the waiters; the source is left alone for `cool_down` seconds."""
    with _owing({lease.token: lease.spot}):
        guarded(_abandon)(lease.spot, lease.token, cool_down)


def _abandon(redis: "Redis", spot: Spot, token: str, cool_down: float) -> None:
    words = [token, SIGNAL_LIFE, int(1000 * cool_down)]
    scripts.run(redis, scripts.ABANDON, [lease_key(spot.key), _signal_key(spot.key)], words)


def give_back_owed() -> None:
    """For the keeper, past the breaker: nobody waits for a load whose end Redis was not told."""
    for token, spot in list(_owed.items()):
        _translated(_abandon, spot, token, 0)
        del _owed[token]


@guarded
def wait(redis: "Redis", spot: Spot) -> None:
    """Sleeps until the load of a spot has ended, or for one slice. The signal is passed on to the next waiter."""
    name = _signal_key(spot.key)
    redis.blmove(name, name, conf.wait_slice())  # type: ignore[arg-type]  # Redis 6 and later takes fractions


# --- dropping ----------------------------------------------------------------------------------------------


def _drop(redis: "Redis", tags: Iterable[str], names: Iterable[str] = ()) -> None:
    doomed = [*map(generation_key, tags), *map(full_key, names)]
    if doomed:
        redis.unlink(*doomed)


def drop(tags: Iterable[str], names: Iterable[str] = ()) -> None:
    """Drops all values that carry one of the tags: their generations go, and no load under way can store.

    `names` are keys whose memory is freed at once. Works on a Redis that is full; one that refuses (a replica, a disk
    that cannot be written) holds what is no longer true, so this process stops reading from it.
    """
    if breaker.leaves_undone():
        raise StoreUnavailable(LEFT_ALONE)
    try:
        with timing.span("cache"):
            _translated(_drop, [*tags], [*names])
    except StoreUnavailable as error:
        breaker.failed(str(error))
        raise


def answers() -> bool:
    """For the keeper, past the breaker: whether Redis can be asked again. If so drops are no longer put off."""
    try:
        _translated(lambda redis: redis.ping())
    except StoreUnavailable:
        return False
    breaker.takes_drops()
    return True


def put_in_order(tags: Iterable[str]) -> bool:
    """For the keeper, past the breaker: drops the tags; False when Redis still cannot be asked."""
    try:
        _translated(_drop, [*tags])
        give_back_owed()
    except StoreUnavailable:
        return False
    return True
