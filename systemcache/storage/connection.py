"""Connections to Redis: the pool, the breaker before every command, and the translation of redis-py's errors."""

import functools
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, cast

from django_redis import get_redis_connection
from redis import BlockingConnectionPool, BusyLoadingError, ReadOnlyError, Redis, RedisError, ResponseError
from redis import ConnectionError as RedisConnectionError
from redis import TimeoutError as RedisTimeoutError
from redis.exceptions import ClusterDownError

from systemcache import process_state, timing
from systemcache.errors import StoreUnavailable
from systemcache.storage import greeting
from systemcache.storage.breaker import breaker
from systemcache.storage.greeting import AnotherServer, UnsupportedServer, server
from systemcache.storage.key_names import GENERATION_TTL, epoch_key
from systemcache.storage.redis_url import is_sentinel, parse_sentinel
from systemcache.storage.sentinel import NoPrimary, SentinelConnection, Sentinels, SentinelTLSConnection

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

BREAKER_OPEN = "the circuit breaker is open"
CONNECTION_ERRORS: tuple[type[Exception], ...] = (RedisError, OSError)  # what a dedicated connection raises
# Replies of a server that is not, or not yet, the primary: another one may answer at the same address by now, and only
# a new connection reaches it. (MASTERDOWN is a ClusterDownError.)
NOT_THE_PRIMARY = (ReadOnlyError, BusyLoadingError, ClusterDownError)
MAX_REASON = 200  # characters of an error reply that are passed on
REFUSAL_REMEMBERED = 60.0  # seconds for which a refusal is shown as a component's health, and not logged again


class _Refusals:
    """The words with which Redis has refused a command of this process last, and when which were logged."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.last, self.at = "", float("-inf")
        self._logged: dict[str, float] = {}

    def note(self, reason: str) -> None:
        """Log a refusal, unless one of its kind was logged a moment ago: a code, and of NOPERM the command too."""
        self.last, self.at = reason, time.monotonic()
        kind = reason if reason.startswith("NOPERM ") else reason.partition(" ")[0]
        if self.at - self._logged.get(kind, float("-inf")) >= REFUSAL_REMEMBERED:
            self._logged[kind] = self.at
            logger.warning("cache: Redis refuses a command: %s", reason)


_refusals = process_state.register(_Refusals())
_connections = {"closed": 0}


class Pool(BlockingConnectionPool):
    """django-redis's pool. Each new connection greets its server before its first command."""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """As redis-py's; of a redis+sentinel:// address the connections are made to the primary that Sentinel names.

        `sentinel_username` and `sentinel_password` are for the sentinels; `ssl_…` mean TLS for them and the primary.
        """
        for_sentinel = {name: options.pop(f"sentinel_{name}", "") or None for name in ("username", "password")}
        if not is_sentinel(url):
            return super().from_url(url, **options)
        address = parse_sentinel(url)
        tls = {name: value for name, value in options.items() if name.startswith("ssl_")}
        timeouts = {name: options[name] for name in ("socket_timeout", "socket_connect_timeout") if name in options}
        sentinels = Sentinels(
            address.sentinels, address.service, tls=bool(tls), protocol=2, **timeouts, **tls, **for_sentinel
        )
        options |= {"username": address.username or None, "password": address.password or None}
        kind = SentinelTLSConnection if tls else SentinelConnection
        return cls(connection_class=kind, sentinels=sentinels, db=address.database, **options)

    def __init__(self, **options: Any) -> None:
        # RESP3 would let the server send unrequested messages, lengthen the timeouts to ten seconds (redis-py's
        # "maintenance notifications") and stop the pool from checking that a connection holds no unread reply.
        options.setdefault("protocol", 2)
        super().__init__(redis_connect_func=greeting.greet, **options)  # type: ignore[no-untyped-call]  # redis-py leaves this constructor untyped

    def get_connection(self, *args: Any, **options: Any) -> Any:
        found = super().get_connection(*args, **options)  # type: ignore[no-untyped-call]  # likewise
        if found.should_reconnect():
            try:
                found.disconnect()
                found.connect()
            except BaseException:
                self.release(found)  # type: ignore[no-untyped-call]  # likewise
                raise
        return found

    def reconnect_all(self) -> None:
        """Have each connection closed by the thread that holds it, or takes it next.

        `disconnect` would close it for that thread, in the middle of a command: redis-py fails with a TypeError then.
        """
        for one in list(self._connections):
            one.mark_for_reconnect()


def redis_command(operation: Callable[Concatenate[Redis, P], R]) -> Callable[P, R]:
    """Run a function on a pooled connection, behind the breaker, with redis-py's errors translated. A decorator."""
    span = "wait" if operation.__name__ == "wait" else "cache"

    @functools.wraps(operation)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if not breaker.allows():
            raise StoreUnavailable(BREAKER_OPEN)
        with timing.span(span):
            return run_past_breaker(operation, *args, **kwargs)

    return call


def run_past_breaker(operation: Callable[Concatenate[Redis, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a function on a pooled connection, whatever the breaker says; a failure opens it.

    That Redis has closed a pooled connection (by a restart) shows only when it is used: that is worth one more try.
    """
    try:
        try:
            return operation(get_redis_connection("default"), *args, **kwargs)
        except BusyLoadingError:  # for redis-py a connection error, but a second try does not help
            raise
        except RedisConnectionError:
            return operation(get_redis_connection("default"), *args, **kwargs)
    except NOT_THE_PRIMARY as error:
        breaker.failed(reason_of(error))  # recovery connects anew before it closes the breaker (fencing.rejoin)
        raise StoreUnavailable(reason_of(error)) from error
    except ResponseError as error:  # Redis answers and refuses: it is full, forbids, or holds a key of another type
        note_refusal(error)
        raise StoreUnavailable(reason_of(error)) from error
    except (RedisError, OSError) as error:
        breaker.failed(reason_of(error), slow=isinstance(error, RedisTimeoutError | TimeoutError))
        raise StoreUnavailable(reason_of(error)) from error


def connects_elsewhere() -> bool:
    """For recovery: whether another server answers on the open connections, or is to be connected to by now.

    A failover behind a proxy that keeps its clients' connections shows in nothing but the server's run id. Raises
    StoreUnavailable.
    """
    if run_past_breaker(_run_id) != server.run_id:
        return True
    sentinels = _pool().connection_kwargs.get("sentinels")
    if sentinels is None or sentinels.in_use is None:
        return False
    try:
        return bool(sentinels.primary() != sentinels.in_use)
    except NoPrimary:
        return False


def _run_id(redis: Redis) -> bytes:
    """Of the server at the end of a pooled connection; empty if it is another one that does not say."""
    if server.without_info:
        return server.run_id if redis.script_exists(greeting.script_hash(server.run_id))[0] else b""
    return str(redis.info("server")["run_id"]).encode()


def reconnect() -> None:
    """For recovery, past the breaker: connect again, to any server that answers. Raises StoreUnavailable."""
    server.trusted = None
    close_connections()
    run_past_breaker(lambda redis: redis.ping())


def trust(run_id: bytes) -> None:
    """Connect to the server with this run id from now on, and to no other."""
    server.trusted = run_id
    if server.run_id != run_id:
        close_connections()


def was_agreed_on() -> bool:
    """For recovery, past the breaker: whether the server has ever been the one in use. Raises StoreUnavailable."""
    found = run_past_breaker(lambda redis: redis.mget(epoch_key()))
    epoch = cast("bytes", found[0] or b"")
    return epoch.startswith(server.run_id + b"." + greeting.IN_USE.encode())


def begin_epoch(*, agreed_on: bool) -> None:
    """For recovery, past the breaker: void all that the server holds, and mark it as in use, or not.

    Raises StoreUnavailable.
    """
    epoch = f"{server.run_id.decode()}.{greeting.IN_USE if agreed_on else ''}{secrets.token_hex(8)}"
    run_past_breaker(lambda redis: redis.eval(greeting.BEGIN_EPOCH, 1, epoch_key(), epoch, str(GENERATION_TTL)))


def reason_of(error: Exception) -> str:
    """What went wrong, in words for the log and for operators.

    An error reply keeps its words (NOPERM this user has no permissions to run the 'info' command); errors of the
    network are named by their type, since their text may quote an address.
    """
    code = getattr(error, "status_code", None)  # redis-py takes it off the text of replies that it knows
    if code or isinstance(error, ResponseError | UnsupportedServer | AnotherServer | NoPrimary):
        return f"{code or ''} {error}".strip()[:MAX_REASON]
    return type(error).__name__


def note_refusal(error: ResponseError) -> None:
    """Keep the error for health, and log it unless it was logged within the last minute."""
    _refusals.note(reason_of(error))


def last_refusal() -> str:
    """The words with which Redis has refused a command of this process in the last minute; empty if it has not."""
    return _refusals.last if time.monotonic() - _refusals.at < REFUSAL_REMEMBERED else ""


def close_connections() -> None:
    """Have no connection that is open now used for another command: the pool's, the listener's, the event log's."""
    _connections["closed"] += 1
    _pool().reconnect_all()


def _pool() -> Any:
    return get_redis_connection("default").connection_pool


def times_closed() -> int:
    """How often the pool's connections were closed: a dedicated connection from before is to be closed too."""
    return _connections["closed"]


def dedicated_connection(*, protocol: int = 2) -> Any:
    """A connection that belongs to no pool and is not connected yet; it raises CONNECTION_ERRORS."""
    pool = _pool()
    return pool.connection_class(**{**pool.connection_kwargs, "protocol": protocol})
