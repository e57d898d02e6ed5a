"""What tests of the broker floor share."""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from pytest_django.fixtures import Settings
from redis import Redis

from broker import clock
from tests.broker.contract_files import FileServer

SITE_PREFIX = "iifl:SIM0001:"
LOGGERS = ("broker", "systemcache", "tradingsite")


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Decides what is today for the site; the simulator and Redis keep their own time."""

    def set_to(moment: datetime) -> None:
        monkeypatch.setattr(clock, "now", lambda: moment)

    return set_to


@pytest.fixture
def kept(redis: Redis, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, int]]:
    """The broker's values in Redis, by their documented keys, with their TTLs: all but API tokens.

    Without stale time and without chance a value stays for its TTL exactly.
    """
    settings.CACHE_STALE = {}
    monkeypatch.setattr("systemcache.fetching.read.random.random", lambda: 0.0)

    def look() -> dict[str, int]:
        names = [name.decode() for name in redis.scan_iter(count=1000)]
        broker = [name for name in names if name.startswith(SITE_PREFIX) and not name.startswith(f"{SITE_PREFIX}auth:")]
        return {name.removeprefix(SITE_PREFIX): int(redis.ttl(name)) for name in broker}

    return look


@pytest.fixture
def files(settings: Settings) -> Iterator[FileServer]:
    """The broker, as far as it is contract files: ten rows in each unless a test says otherwise."""
    with FileServer() as server:
        settings.IIFL_BASE_URL = server.base_url
        yield server


@pytest.fixture
def logs(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    """All that the site logs, debug lines included; its loggers do not pass on to the root logger by themselves."""
    caplog.set_level(logging.DEBUG)
    for name in LOGGERS:
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog
