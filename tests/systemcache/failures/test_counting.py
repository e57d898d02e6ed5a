"""Counts are exact: never doubled, never negative, and lost only as far as a process or Redis is."""

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from pytest_django.fixtures import Settings
from redis import Redis

from systemcache.stats import counters, time_series
from systemcache.storage import totals
from systemcache.storage.breaker import breaker
from tests.support.programs import only_linux
from tests.support.redis import use_redis
from tests.support.waiting import eventually
from tests.systemcache.failures.points import FailingRedis
from tests.systemcache.failures.site import Process, Site
from testservers.processes import children_of
from testservers.redis_server import RedisServer

FAMILY = "sample_price"
FLUSHED = 3.0  # seconds within which every process's counts are in


def hits() -> float:
    return totals.counts().get(FAMILY, {}).get("hits", 0)


def by_the_minute() -> float:
    return sum(point.counts.get("hits", 0) for point in time_series.series(FAMILY, minutes=10, step=10))


def test_a_batch_whose_answer_was_lost_is_not_added_twice(proxy: FailingRedis) -> None:
    counters.count(FAMILY, "hits", 5)
    proxy.at("add", lambda: None, lose_answer=True)
    counters.flush()
    assert proxy.intercepted.is_set()
    counters.count(FAMILY, "hits", 2)
    counters.flush()
    assert (hits(), by_the_minute()) == (7, 7)


def test_a_batch_that_a_hung_redis_took_in_is_not_added_twice(proxy: FailingRedis, victim: RedisServer) -> None:
    counters.count(FAMILY, "hits")
    counters.flush()
    proxy.at("add", victim.pause)
    counters.count(FAMILY, "hits", 5)
    counters.flush()
    assert not breaker.allows()
    counters.count(FAMILY, "hits", 2)
    counters.flush()
    assert counters.unsent_counts()[FAMILY]["hits"] == 7
    victim.resume()
    breaker.reset()
    # Redis carries out what it was sent before it hung, though nobody waits for the answer any more.
    eventually(lambda: hits() == 6, 5)
    counters.flush()
    assert (hits(), by_the_minute()) == (8, 8)


def test_counts_of_a_full_redis_wait_whole(proxy: FailingRedis, victim: RedisServer) -> None:
    admin = Redis.from_url(victim.url)
    counters.count(FAMILY, "hits", 5)
    admin.config_set("maxmemory", 1)
    try:
        counters.flush()
        assert admin.hgetall("stats:iifl:SIM0001") == {}
    finally:
        admin.config_set("maxmemory", 0)
    counters.flush()
    assert (hits(), by_the_minute()) == (5, 5)


def test_counts_survive_a_restart_of_redis_as_far_as_its_file_does(tmp_path: Path, settings: Settings) -> None:
    with RedisServer(tmp_path / "redis", "--appendonly", "yes", "--appendfsync", "always", "--save", "") as redis:
        use_redis(settings, redis.url)
        breaker.reset()
        counters.count(FAMILY, "hits", 5)
        counters.flush()
        redis.kill()
        counters.count(FAMILY, "hits", 2)
        counters.flush()
        redis.restart()
        breaker.reset()
        counters.flush()
        assert (hits(), by_the_minute()) == (7, 7)
        assert [mark.what for mark in _starts()] == ["Redis was started"] * 2
    caches["default"].close()


def _starts() -> list[time_series.Mark]:
    return [
        time_series.Mark(datetime.fromtimestamp(at, UTC), "restart", "Redis was started")
        for at in totals.marks().values()
    ]


# --- whole processes ---------------------------------------------------------------------------------------


@pytest.fixture
def counted(running: Site) -> Callable[[], dict[str, Any]]:
    """What another process says of the watchlist."""

    def ask() -> dict[str, Any]:
        answer = running.two.ask("GET", "/api/system/cache/stats").json()
        row: dict[str, Any] = answer["families"]["watchlist"]
        return row

    return ask


def read(process: Process, times: int) -> None:
    for _ in range(times):
        assert process.ask("GET", "/api/watchlist").status_code == 200


@pytest.mark.slow
@only_linux
def test_a_killed_worker_loses_its_last_second_at_the_most(
    running: Site, counted: Callable[[], dict[str, Any]]
) -> None:
    read(running.two, 1)
    before = counted()["hits"]
    doomed = running.another("doomed")
    read(doomed, 20)
    time.sleep(1)
    read(doomed, 5)
    for pid in children_of(doomed.pid):
        os.kill(pid, signal.SIGKILL)
    doomed.stop()
    time.sleep(FLUSHED)
    assert 20 <= counted()["hits"] - before <= 25


@only_linux
def test_one_miss_and_21_hits_over_two_workers_are_counted_within_three_seconds(
    running: Site, counted: Callable[[], dict[str, Any]]
) -> None:
    counted()
    assert running.two.ask("POST", "/api/system/cache/clear?family=watchlist").status_code == 200
    time.sleep(FLUSHED)
    before = counted()
    for turn in range(22):
        read(running.both[turn % 2], 1)
    eventually(lambda: [counted()[event] - before[event] for event in ("hits", "misses")] == [21, 1], FLUSHED)


@pytest.mark.slow
@only_linux
def test_redis_hung_in_the_middle_of_it_all_doubles_nothing(
    running: Site, counted: Callable[[], dict[str, Any]]
) -> None:
    time.sleep(FLUSHED)
    before = counted()
    for turn in range(5):
        running.redis.pause()
        time.sleep(0.7)  # a flush of either falls into it
        running.redis.resume()
        read(running.both[turn % 2], 4)
    eventually(lambda: running.two.ask("GET", "/api/system/cache/stats").json()["breaker"] == "closed", 20)

    def all_reads_are_counted() -> bool:
        now = counted()
        return bool(sum(now[event] - before[event] for event in ("hits", "misses", "bypasses")) == 20)

    eventually(all_reads_are_counted, 10)
    time.sleep(FLUSHED)
    assert all_reads_are_counted()
