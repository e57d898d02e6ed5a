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

from systemcache import codec, invalidation, keeper, store
from systemcache.fetch import fetch, spot_of
from tests.servers.redis_server import RedisServer
from tests.systemcache.failures.site import Site
from tests.systemcache.samples import PRICE, Price

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
        settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": server.url}}
        yield durable
        caches["default"].close()


def read(amount: int) -> tuple[int, str]:
    found = fetch(PRICE, {"symbol": "A"}, lambda: Price("A", Decimal(amount)))
    return int(found.value.amount), found.state


@pytest.mark.django_db
@pytest.mark.parametrize("newcomer", [False, True], ids=["lived through it", "new process"])
def test_no_process_shows_what_was_dropped(durable: Durable, newcomer: bool) -> None:
    assert (read(1), read(1)) == ((1, "miss"), (1, "hit"))
    durable.lay_aside()
    invalidation.drop("sample_price")
    assert read(2) == (2, "miss")
    durable.put_back()
    assert b'"1"' in cast(bytes, Redis.from_url(durable.server.url).get(KEY))  # it is there again
    if newcomer:
        caches["default"].close()
        store._server["run_id"] = b"unknown"
    assert read(3)[0] == 3
    keeper.look()  # the one that lived through it may have noticed
    assert read(3)[0] == 3
    assert read(3) == (3, "hit")


@pytest.mark.django_db
def test_a_lease_of_the_older_file_stores_nothing(durable: Durable) -> None:
    spot = spot_of(PRICE, {"symbol": "A"})
    lease = store.acquire(spot, 30).lease
    assert lease
    durable.lay_aside()
    invalidation.drop("sample_price")
    durable.put_back()
    entry = codec.Entry(datetime.now(UTC), 60, b'{"symbol":"A","amount":"1"}')
    assert not store.store(lease, entry, 60)
    assert read(3)[0] == 3


@pytest.mark.timeout(120)
def test_real_processes_do_not_either(running: Site, tmp_path: Path) -> None:
    durable = Durable(tmp_path / "durable")
    with durable.server as server:
        old = running.another("old", REDIS_URL=server.url)
        try:
            item = int(old.ask("GET", "/api/watchlist?active=all").json()[0]["id"])
            old.ask("PATCH", f"/api/watchlist/{item}", {"notes": "before"})
            assert [old.notes(item) for _ in range(2)] == ["before"] * 2
            durable.lay_aside()
            old.ask("PATCH", f"/api/watchlist/{item}", {"notes": "after"})
            durable.put_back()
            assert old.notes(item) == "after"
            new = running.another("new", REDIS_URL=server.url)
            try:
                assert [process.notes(item) for process in (old, new, old, new)] == ["after"] * 4
            finally:
                new.stop()
        finally:
            old.stop()
