"""The three stores over which one suite runs: a fake in this process, a real server, and none at all."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import fakeredis
import pytest
from django.core.cache import caches
from pytest_django.fixtures import Settings

from systemcache.storage.breaker import breaker
from tests.support.redis import use_redis
from testservers.redis_server import RedisServer


class FakeConnection(fakeredis.FakeRedisConnection):
    """fakeredis has no INFO; the store asks for it whenever it connects."""

    _asked_for_info = False

    def send_command(self, *words: Any, **options: Any) -> None:
        self._asked_for_info = words[0] == "INFO"
        if not self._asked_for_info:
            super().send_command(*words, **options)  # type: ignore[no-untyped-call]

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        if self._asked_for_info:
            self._asked_for_info = False
            return b"# Server\r\nredis_version:7.0.0\r\nrun_id:fake\r\n"
        return super().read_response(*arguments, **options)


@dataclass(frozen=True, slots=True)
class Kept:
    """Whether the store keeps anything, and what the first and the next read of a key are therefore called."""

    name: str
    keeps: bool

    @property
    def first(self) -> str:
        return "miss" if self.keeps else "bypass"

    @property
    def then(self) -> str:
        return "hit" if self.keeps else "bypass"


@pytest.fixture(params=["fake", "real", "gone"])
def kept(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Kept]:
    if request.param == "real":
        server: RedisServer = request.getfixturevalue("redis_server")
        use_redis(settings, server.url)
    elif request.param == "fake":
        # On this port nobody listens: if the fake were not used, this would be "gone".
        use_redis(settings, "redis://127.0.0.1:2/0")
        settings.CACHES["default"]["OPTIONS"]["CONNECTION_POOL_KWARGS"]["connection_class"] = FakeConnection
    settings.CACHE_DEGRADED_HOLD = 0  # what a process holds while Redis is gone has tests of its own
    if request.param != "gone":
        caches["default"].clear()
    breaker.reset()
    yield Kept(request.param, request.param != "gone")
    caches["default"].close()
