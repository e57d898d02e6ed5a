"""The statistics: exact over processes, kept while Redis is away."""

import subprocess
import sys
import time
from decimal import Decimal
from typing import cast

import pytest
from django.conf import settings as django_settings
from redis import Redis

from systemcache.fetching.fetch import fetch
from systemcache.stats import counters
from systemcache.storage.breaker import breaker
from tests.systemcache.samples import PRICE, SECRET, Price
from testservers.redis_server import RedisServer

RELIANCE = Price("RELIANCE", Decimal(1))


ROOT = django_settings.BASE_DIR


def environment(redis: RedisServer) -> dict[str, str]:
    """For a process that counts on this Redis."""
    return {
        "REDIS_URL": redis.url,
        "DJANGO_SETTINGS_MODULE": "tradingsite.settings",
        "DJANGO_SECRET_KEY": "x",
        "PATH": "/usr/bin:/bin",
    }


def read(times: int) -> None:
    for _ in range(times):
        fetch(PRICE, {"symbol": "RELIANCE"}, lambda: RELIANCE)


@pytest.mark.usefixtures("redis_store")
def test_one_miss_and_21_hits_are_a_rate_of_95_45_percent() -> None:
    read(22)
    snapshot = counters.snapshot()
    assert (snapshot["hits"], snapshot["misses"], snapshot["hit_rate_percent"]) == (21, 1, 95.45)
    row = snapshot["families"]["sample_price"]
    assert (row["hits"], row["misses"], row["loads"], row["load_errors"]) == (21, 1, 1, 0)
    assert row["load_seconds"] >= 0


@pytest.mark.usefixtures("redis_store")
def test_before_the_first_read_there_is_no_rate() -> None:
    assert counters.snapshot()["hit_rate_percent"] is None


@pytest.mark.usefixtures("redis_store")
def test_redis_own_counts_stand_beside_ours() -> None:
    read(2)
    snapshot = counters.snapshot()
    assert isinstance(snapshot["redis_keyspace_hits"], int)
    assert isinstance(snapshot["redis_keyspace_misses"], int)
    assert snapshot["redis"]["version"]


@pytest.mark.usefixtures("redis_store")
def test_who_a_token_belongs_to_is_no_read_of_the_callers() -> None:
    fetch(SECRET, {"sha256": "ab"}, lambda: 1)
    snapshot = counters.snapshot()
    assert (snapshot["hits"], snapshot["misses"]) == (0, 0)
    assert snapshot["families"]["sample_secret"]["misses"] == 1


def test_counts_of_other_processes_are_in(redis_store: RedisServer) -> None:
    script = (
        "import django; django.setup()\n"
        "from systemcache.stats import counters\n"
        "[counters.count('holdings', 'hits') for _ in range(20)]\n"  # flushed at the process's end
    )
    workers = [
        subprocess.Popen([sys.executable, "-c", script], env=environment(redis_store), cwd=ROOT) for _ in range(2)
    ]
    assert [worker.wait(60) for worker in workers] == [0, 0]
    counters.count("holdings", "hits", 2)
    assert counters.snapshot()["families"]["holdings"]["hits"] == 42


def test_while_redis_is_away_counts_are_kept_and_added_when_it_is_back(redis_store: RedisServer) -> None:
    counters.count("holdings", "hits", 3)
    redis_store.kill()
    away = counters.snapshot()
    assert (away["connected"], away["hits"]) == (False, 3)
    redis_store.restart(empty=True)
    breaker.reset()
    back = counters.snapshot()
    assert (back["connected"], back["hits"]) == (True, 3)


@pytest.mark.usefixtures("redis_store")
def test_a_near_copy_is_a_hit() -> None:
    read(2)
    counters.count("sample_price", "near_hits", 20)
    snapshot = counters.snapshot()
    assert (snapshot["hits"], snapshot["near_hits"], snapshot["hit_rate_percent"]) == (21, 20, 95.45)
    assert snapshot["families"]["sample_price"]["hit_rate_percent"] == 95.45


@pytest.mark.usefixtures("redis_store")
def test_hits_of_what_the_broker_answers_are_calls_saved() -> None:
    counters.count("holdings", "hits", 3)
    counters.count("quotes", "near_hits", 2)
    counters.count("watchlist", "hits", 5)  # our own table
    counters.count("portfolio_summary", "hits", 5)  # computed
    assert counters.snapshot()["saved_calls"] == 5


@pytest.mark.usefixtures("redis_store")
def test_load_times_are_shown_as_quantiles() -> None:
    for seconds in (0.07,) * 19 + (4.0,):
        counters.count_load("holdings", seconds)
    row = counters.snapshot()["families"]["holdings"]
    assert (row["loads"], row["load_seconds"]) == (20, pytest.approx(5.33))
    assert 0.05 < row["load_p50"] <= row["load_p95"] <= 0.1
    assert counters.snapshot()["families"]["watchlist"]["load_p50"] is None


def test_a_forked_child_counts_under_a_name_of_its_own_and_from_nothing(redis_store: RedisServer) -> None:
    script = (
        "import django, os; django.setup()\n"
        "from systemcache.stats import counters\n"
        "counters.count('holdings', 'hits', 3)\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    counters.count('holdings', 'hits', 4); counters.flush(); os._exit(0)\n"
        "os.waitpid(child, 0)\n"
    )
    subprocess.run([sys.executable, "-c", script], env=environment(redis_store), cwd=ROOT, check=True, timeout=60)
    assert counters.snapshot()["families"]["holdings"]["hits"] == 7


def test_a_worker_that_multiprocessing_forks_loses_no_count_when_it_ends(redis_store: RedisServer) -> None:
    """As Granian's are; the thread that adds counts has not run yet."""
    script = (
        "import django, multiprocessing; django.setup()\n"
        "from systemcache.stats import counters\n"
        "def work(): counters.count('holdings', 'hits', 4)\n"
        "child = multiprocessing.get_context('fork').Process(target=work)\n"
        "child.start(); child.join()\n"
        "counters.count('holdings', 'hits', 3)\n"
    )
    subprocess.run([sys.executable, "-c", script], env=environment(redis_store), cwd=ROOT, check=True, timeout=60)
    assert counters.snapshot()["families"]["holdings"]["hits"] == 7


def test_writers_that_are_long_silent_are_forgotten(redis_store: RedisServer) -> None:
    redis, now = Redis.from_url(redis_store.url), int(time.time())
    redis.hset("stats:iifl:SIM0001", mapping={"@old": f"7 {now - 90_000}", "@young": f"7 {now - 3_600}"})
    counters.count("holdings", "hits")
    counters.flush()
    fields = cast("list[bytes]", redis.hkeys("stats:iifl:SIM0001"))
    assert b"@old" not in fields
    assert b"@young" in fields
    assert len([field for field in fields if field.startswith(b"@")]) == 2
