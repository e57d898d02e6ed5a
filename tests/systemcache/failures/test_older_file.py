"""Redis comes back with an older append-only file, which still holds what has been dropped since."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest
from django.core.cache import caches
from pytest_django.fixtures import Settings
from redis import Redis

from systemcache import codec
from systemcache.fetching.fetch import fetch
from systemcache.fetching.read import entry_ref
from systemcache.invalidation import clear, recovery
from systemcache.storage import greeting, leases
from tests.support.redis import use_redis
from tests.systemcache.failures.site import running_site
from tests.systemcache.samples import PRICE, Price
from testservers.redis_proxy import RedisProxy
from testservers.redis_server import RedisServer

EVERY_WRITE = ("--save", "", "--appendonly", "yes", "--appendfsync", "always")
KEY = "iifl:SIM0001:sample:price:A"


class Durable:
    """A Redis with an append-only file, of which a copy can be laid aside and put back."""

    def __init__(self, directory: Path) -> None:
        self.server = RedisServer(directory, *EVERY_WRITE)
        self._data, self._copy = directory / "data", directory / "copy"

    def lay_aside(self) -> None:
        shutil.copytree(self._data, self._copy)

    def put_back(self) -> None:
        self.server.kill()
        shutil.rmtree(self._data)
        shutil.copytree(self._copy, self._data)
        self.server.restart()


@pytest.fixture
def durable(tmp_path: Path, settings: Settings) -> Iterator[Durable]:
    settings.CACHE_BREAKER_PAUSE = 0
    durable = Durable(tmp_path / "durable")
    with durable.server as server:
        use_redis(settings, server.url)
        yield durable
        caches["default"].close()


def read(amount: int) -> tuple[int, str]:
    found = fetch(PRICE, {"symbol": "A"}, lambda: Price("A", Decimal(amount)))
    return int(found.value.amount), found.state


@pytest.mark.django_db
@pytest.mark.parametrize("newcomer", [False, True], ids=["lived through it", "new process"])
def test_no_process_shows_an_invalidated_value(durable: Durable, newcomer: bool) -> None:
    assert (read(1), read(1)) == ((1, "miss"), (1, "hit"))
    durable.lay_aside()
    clear.invalidate("sample_price")
    assert read(2) == (2, "miss")
    durable.put_back()
    assert b'"1"' in cast(bytes, Redis.from_url(durable.server.url).get(KEY))  # it is there again
    if newcomer:
        caches["default"].close()
        greeting.server.run_id = greeting.UNKNOWN
    assert read(3)[0] == 3
    recovery.run_once()  # the one that lived through it may have noticed
    assert read(3)[0] == 3
    assert read(3) == (3, "hit")


@pytest.mark.django_db
def test_a_lease_of_the_older_file_stores_nothing(durable: Durable) -> None:
    ref = entry_ref(PRICE, {"symbol": "A"})
    lease = leases.acquire(ref, 30).lease
    assert lease
    durable.lay_aside()
    clear.invalidate("sample_price")
    durable.put_back()
    entry = codec.Entry(datetime.now(UTC), 60, b'{"symbol":"A","amount":"1"}')
    assert not leases.store(lease, entry, 60)
    assert read(3)[0] == 3


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_real_processes_do_not_either(tmp_path: Path) -> None:
    durable = Durable(tmp_path / "durable")
    with durable.server as server, running_site(tmp_path / "site", REDIS_URL=server.url) as site:
        old, two = site.both
        item = int(old.ask("GET", "/api/watchlist?active=all").json()["data"][0]["id"])
        old.ask("PATCH", f"/api/watchlist/{item}", {"notes": "before"})
        assert [old.notes(item) for _ in range(2)] == ["before"] * 2
        durable.lay_aside()
        old.ask("PATCH", f"/api/watchlist/{item}", {"notes": "after"})
        durable.put_back()
        assert old.notes(item) == "after"
        new = site.another("new")
        try:
            assert [process.notes(item) for process in (old, new, two, old, new)] == ["after"] * 5
        finally:
            new.stop()


@pytest.mark.django_db
def test_a_failover_behind_a_proxy_that_keeps_its_connections_is_seen_by_the_next_round(
    redis_server: RedisServer, tmp_path: Path, settings: Settings
) -> None:
    """The replica that takes over holds a value that was invalidated at the old primary alone."""
    with RedisServer(tmp_path / "replica") as replica, RedisProxy(redis_server.port) as proxy:
        use_redis(settings, proxy.url)
        caches["default"].clear()
        assert read(1) == (1, "miss")
        with Redis.from_url(redis_server.url) as old, Redis.from_url(replica.url) as new:
            for name in cast("list[bytes]", old.keys("*")):
                if (data := old.dump(name)) is not None:
                    new.restore(name, 0, data)
        clear.invalidate("sample_price")
        proxy.switch(replica.port)
        assert read(2) == (1, "hit")  # the same connection, and nothing says that it ends elsewhere
        recovery.run_once()
        assert read(2) == (2, "miss")
        caches["default"].close()
