"""Every way in which Redis fails its clients: each a context manager that makes it fail and mends it again."""

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from redis import Redis, RedisError

from testservers.redis_server import RedisServer

Outage = Callable[[RedisServer], AbstractContextManager[None]]
PAUSE = 4.0  # seconds; CLIENT PAUSE ALL pauses the one who would end it, too


@contextmanager
def administrator(server: RedisServer) -> Iterator[Redis]:
    """One connection that lasts."""
    with Redis.from_url(server.url, single_connection_client=True, socket_timeout=30) as redis:
        redis.ping()
        yield redis


@contextmanager
def again_and_again(work: Callable[[], object], pause: float = 0.02) -> Iterator[None]:
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(pause):
            with suppress(RedisError):
                work()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def hung(server: RedisServer) -> Iterator[None]:
    server.pause()
    try:
        yield
    finally:
        server.resume()


@contextmanager
def gone_and_back_empty(server: RedisServer) -> Iterator[None]:
    server.kill()
    try:
        yield
    finally:
        server.restart(empty=True)


@contextmanager
def restarted_with_its_data(server: RedisServer) -> Iterator[None]:
    server.restart()
    yield


@contextmanager
def full(server: RedisServer) -> Iterator[None]:
    with administrator(server) as redis:
        redis.config_set("maxmemory", 1)
        try:
            yield
        finally:
            redis.config_set("maxmemory", 0)


@contextmanager
def evicting(server: RedisServer) -> Iterator[None]:
    """A neighbour's flood pushes out values, leases, generations and the epoch."""
    with administrator(server) as redis:
        redis.config_set("maxmemory-policy", "allkeys-lru")
        redis.config_set("maxmemory", int(redis.info("memory")["used_memory"]) + 500_000)

        def flood() -> None:
            pipeline = redis.pipeline(transaction=False)
            for _ in range(200):
                pipeline.set(f"foreign:{random.random()}", b"x" * 5_000)
            pipeline.execute()

        try:
            with again_and_again(flood):
                yield
            assert int(redis.info("stats")["evicted_keys"]) > 0
        finally:
            redis.config_set("maxmemory", 0)
            redis.config_set("maxmemory-policy", "noeviction")


@contextmanager
def flushed(server: RedisServer) -> Iterator[None]:
    with administrator(server) as redis, again_and_again(redis.flushall):
        yield


@contextmanager
def read_only(server: RedisServer) -> Iterator[None]:
    """A replica that has lost its master: it answers reads with what it has."""
    with administrator(server) as redis:
        redis.replicaof("127.0.0.1", "1")
        try:
            yield
        finally:
            redis.replicaof("NO", "ONE")


@contextmanager
def writes_paused(server: RedisServer) -> Iterator[None]:
    with administrator(server) as redis:
        redis.client_pause(120_000, all=False)
        try:
            yield
        finally:
            redis.client_unpause()


@contextmanager
def paused(server: RedisServer) -> Iterator[None]:
    with administrator(server) as redis:
        redis.client_pause(int(1000 * PAUSE), all=True)
        ends = time.monotonic() + PAUSE
        yield
        time.sleep(max(0.0, ends - time.monotonic()))


@contextmanager
def silent(server: RedisServer) -> Iterator[None]:
    """Something else listens on its port, takes what is sent and never answers."""
    server.kill()
    with socket.socket() as hole:
        hole.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        hole.bind(("127.0.0.1", server.port))
        hole.listen(100)
        try:
            yield
        finally:
            hole.close()
            server.restart(empty=True)


@contextmanager
def locked(server: RedisServer) -> Iterator[None]:
    """Suddenly it wants a password."""
    with administrator(server) as redis:
        redis.config_set("requirepass", "new")
        redis.client_kill_filter(_type="normal", skipme=True)
        try:
            yield
        finally:
            redis.config_set("requirepass", "")


@contextmanager
def cut(server: RedisServer) -> Iterator[None]:
    """Somebody closes all connections, over and over."""
    with administrator(server) as redis:

        def cut_all() -> None:
            redis.client_kill_filter(_type="normal", skipme=True)

        with again_and_again(cut_all, 0.005):
            yield


@contextmanager
def planted(server: RedisServer) -> Iterator[None]:
    """Hashes under all the names that we use."""
    with administrator(server) as redis:
        names = {name.decode() for name in redis.scan_iter(count=1000)}
        values = {name for name in names if name.startswith("iifl:")}
        for name in names | {f"{kind}:{name}" for kind in ("lease", "wake") for name in values}:
            redis.delete(name)
            redis.hset(name, "planted", b"\xff")
    yield


@contextmanager
def scribbled(server: RedisServer) -> Iterator[None]:
    """Texts under all the names that we use."""
    with administrator(server) as redis:
        for name in list(redis.scan_iter(count=1000)):
            redis.set(name, b"a b,c\n\xff !")
    yield


ALL: dict[str, Outage] = {
    outage.__name__: outage
    for outage in (
        hung,
        gone_and_back_empty,
        restarted_with_its_data,
        full,
        evicting,
        flushed,
        read_only,
        writes_paused,
        paused,
        silent,
        locked,
        cut,
        planted,
        scribbled,
    )
}
