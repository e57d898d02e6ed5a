"""What the broker's stream says of a market counts, whatever calendar and clock say."""

from datetime import datetime

import pytest
from pytest_django.fixtures import Settings
from redis import Redis

from broker.calendar import announced, trading_hours
from broker.clock import IST
from systemcache.storage.leader_lock import LeaderLock

pytestmark = pytest.mark.django_db

NIGHT = datetime(2026, 11, 27, 23, 0, tzinfo=IST)
NOON = datetime(2026, 11, 27, 12, 0, tzinfo=IST)


@pytest.fixture
def lock(settings: Settings, redis: Redis) -> LeaderLock:
    settings.IIFL_STREAM_URL = "mqtts://stream.example:8883"
    held = LeaderLock("feed", 60)
    held.acquire()
    return held


def test_without_a_word_the_calendar_says() -> None:
    assert trading_hours.seconds_until_open(NOON, "NSEEQ") == 0
    assert trading_hours.seconds_until_open(NIGHT, "NSEEQ") > 3600


def test_an_open_market_is_open_at_night(lock: LeaderLock) -> None:
    announced.publish(lock, {"NSEEQ": True})
    assert trading_hours.seconds_until_open(NIGHT, "NSEEQ") == 0
    assert trading_hours.seconds_until_open(NIGHT, "BSEEQ") > 0


def test_a_halt_at_noon_is_a_closed_market_for_a_while(lock: LeaderLock) -> None:
    announced.publish(lock, {"NSEEQ": False})
    assert trading_hours.seconds_until_open(NOON, "NSEEQ") == trading_hours.CLOSED_FOR


def test_a_process_remembers_what_redis_has_said(
    lock: LeaderLock, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announced, "REMEMBERED_FOR", 60)  # longer than a busy machine takes for this test
    announced.publish(lock, {"NSEEQ": True})
    assert announced.is_open("NSEEQ")
    before = redis.info("commandstats")["cmdstat_mget"]["calls"]
    assert all(announced.is_open("NSEEQ") for _ in range(10))
    assert redis.info("commandstats")["cmdstat_mget"]["calls"] == before


def test_without_a_stream_nothing_is_asked(settings: Settings, lock: LeaderLock) -> None:
    announced.publish(lock, {"NSEEQ": True})
    settings.IIFL_STREAM_URL = ""
    assert announced.is_open("NSEEQ") is None
