"""The statistics over time: by the minute, in steps, with what happened meanwhile."""

import random
import time
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from redis import Redis

from systemcache import clock, conf
from systemcache.errors import StoreUnavailable, UnknownFamily
from systemcache.invalidation import clear
from systemcache.models import ClearRecord
from systemcache.stats import counters, time_series
from systemcache.stats.batches import BatchQueue
from systemcache.stats.time_series import Point
from systemcache.storage import totals
from testservers.redis_server import RedisServer

NOON = datetime(2026, 1, 5, 12, 0, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)


def counted(at: datetime, family: str = "sample_price", **events: float) -> None:
    """As another process would have, at that time."""
    queue = BatchQueue()
    queue.put({(family, event): amount for event, amount in events.items()}, int(at.timestamp()) // 60)
    batch = queue.next_batch()
    assert batch
    counters.add_batch(batch)


def hits(points: list[Point]) -> list[float]:
    return [point.counts.get("hits", 0) for point in points]


@pytest.mark.usefixtures("redis_store")
def test_each_minute_has_its_counts_and_silent_ones_are_there_too() -> None:
    counted(NOON - timedelta(minutes=2), hits=3, load_seconds=0.25)
    counted(NOON, hits=1)
    counted(NOON, hits=1, misses=1)
    points = time_series.series("sample_price", minutes=4, step=1)
    assert [point.at for point in points] == [datetime(2026, 1, 5, 11, m, tzinfo=UTC) for m in (57, 58, 59)] + [
        datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
    ]
    assert [point.counts for point in points] == [{}, {"hits": 3, "load_seconds": 0.25}, {}, {"hits": 2, "misses": 1}]


@pytest.mark.usefixtures("redis_store")
def test_steps_begin_where_the_clock_shows_whole_ones() -> None:
    for minutes_ago in range(20):
        counted(NOON - timedelta(minutes=minutes_ago), hits=1)
    points = time_series.series("sample_price", minutes=20, step=5)
    assert [point.at.minute for point in points] == [45, 50, 55, 0]
    assert hits(points) == [5, 5, 5, 1]


@pytest.mark.usefixtures("redis_store")
def test_all_public_families_together() -> None:
    counted(NOON, "sample_price", hits=1)
    counted(NOON, "sample_list", hits=2)
    counted(NOON, "sample_secret", hits=4)
    assert hits(time_series.series(None, minutes=1, step=1)) == [3]
    assert hits(time_series.series("sample_secret", minutes=1, step=1)) == [4]


@pytest.mark.usefixtures("redis_store")
def test_a_day_ago_is_still_there() -> None:
    counted(NOON - timedelta(hours=24), hits=7)
    points = time_series.series("sample_price", minutes=25 * 60, step=15)
    assert len(points) == 100
    points = [point for point in points if point.counts]
    assert (points[0].at, points[0].counts) == (datetime(2026, 1, 4, 12, tzinfo=UTC), {"hits": 7})


@pytest.mark.usefixtures("redis_store")
def test_what_this_process_counts_now_is_in() -> None:
    counters.count("sample_price", "hits", 5)
    counters.flush()
    at = datetime.now(UTC)
    found = totals.over_time(
        totals.BY_MINUTE, ["sample_price"], int(at.timestamp()) // 60 - 1, int(at.timestamp()) // 60
    )
    assert sum(counts["hits"] for counts in found.values()) == 5


@pytest.mark.parametrize("odd", ["nonsense", "nan", "inf", "1e999", ""])
def test_what_is_no_number_counts_as_nothing(redis_store: RedisServer, odd: str) -> None:
    counted(NOON, "sample_price", hits=5)
    redis = Redis.from_url(redis_store.url)
    for name in redis.keys("series:*"):
        redis.hset(name, "0misses", odd)
    minute = int(NOON.timestamp()) // 60
    found = totals.over_time(totals.BY_MINUTE, ["sample_price"], minute - 10, minute)
    assert found[minute]["hits"] == 5
    assert not any(counts.get("misses") for counts in found.values())


@pytest.mark.usefixtures("redis_store")
def test_an_unknown_family_is_named() -> None:
    with pytest.raises(UnknownFamily, match="nonsense"):
        time_series.series("nonsense", minutes=1, step=1)


def test_without_redis_it_says_so() -> None:
    with pytest.raises(StoreUnavailable):
        time_series.series(None, minutes=1, step=1)


@pytest.mark.parametrize(
    ("resolution", "pattern"),
    [(totals.BY_MINUTE, "series:*:sample_price:[0-9]*[0-9]"), (totals.BY_HALF_HOUR, "series:*:sample_price:30m:*")],
    ids=["by the minute", "by the half hour"],
)
def test_every_key_ends_and_what_is_kept_of_a_family_stays_small(
    redis_store: RedisServer, resolution: totals.Resolution, pattern: str
) -> None:
    redis = Redis.from_url(redis_store.url)
    events = dict.fromkeys(("hits", "misses", "loads", "waits"), 123.0) | {"load_seconds": 12.345678}
    steps = resolution.kept // resolution.minutes
    for ago in range(steps):
        counted(NOON - timedelta(minutes=ago * resolution.minutes), "sample_price", **events)
    names = [name for name in redis.keys(pattern) if resolution.minutes > 1 or b":30m:" not in name]
    assert len(names) in (steps // totals.SPAN, steps // totals.SPAN + 1)
    longest = 60 * (resolution.kept + totals.SPAN * resolution.minutes)
    assert all(longest - 60 <= redis.ttl(name) <= longest for name in names)
    assert all(redis.object("encoding", name) == b"listpack" for name in names)
    assert sum(int(redis.memory_usage(name) or 0) for name in names) < 200_000


# --- weeks and months --------------------------------------------------------------------------------------

INDIA = ZoneInfo("Asia/Kolkata")


@pytest.mark.usefixtures("redis_store")
@pytest.mark.parametrize("now", ["2026-01-05 00:00", "2026-01-05 00:29", "2026-01-05 10:00", "2026-01-05 23:59"])
@pytest.mark.parametrize("step", [30, 120, 480, 1440])
def test_days_begin_at_midnight_where_the_site_is_and_the_last_is_today(
    monkeypatch: pytest.MonkeyPatch, now: str, step: int
) -> None:
    now_there = datetime.fromisoformat(now).replace(tzinfo=INDIA)
    monkeypatch.setattr(clock, "now", lambda: now_there)
    for minutes_ago, amount in ((0, 1), (24 * 60, 2), (6 * 24 * 60, 4), (7 * 24 * 60, 8)):
        counted(now_there - timedelta(minutes=minutes_ago), hits=amount)
    points = time_series.whole_days("sample_price", 7, step=step)
    midnight = datetime(2026, 1, 5, tzinfo=INDIA)
    assert points[0].at == midnight - timedelta(days=6)
    assert points[-1].at <= now_there < points[-1].at + timedelta(minutes=step)
    by_day = Counter[int]()
    for point in points:
        by_day[(midnight.date() - point.at.astimezone(INDIA).date()).days] += int(point.counts.get("hits", 0))
    assert {days_ago: amount for days_ago, amount in by_day.items() if amount} == {0: 1, 1: 2, 6: 4}


@pytest.mark.usefixtures("redis_store")
def test_an_hour_is_one_of_the_sites_clock() -> None:
    """Noon of UTC is 17:30 in India."""
    for minutes_ago in (0, 29, 30, 31, 90, 91):
        counted(NOON - timedelta(minutes=minutes_ago), hits=1)
    points = time_series.series("sample_price", minutes=120, step=60)
    assert [(point.at.astimezone(INDIA).hour, point.at.minute) for point in points] == [(16, 30), (17, 30)]
    assert hits(points) == [2, 3]


@pytest.mark.usefixtures("redis_store")
def test_a_month_adds_up_to_what_was_counted_in_each_resolution(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the clock goes on, with numbers that no binary fraction holds."""
    chance = random.Random(7)
    now = begin = datetime(2026, 1, 1, 0, 7, tzinfo=INDIA)
    by_day: defaultdict[date, Decimal] = defaultdict(Decimal)
    reads: defaultdict[date, int] = defaultdict(int)
    while now < begin + timedelta(days=30) - timedelta(minutes=7):
        amount, seconds = chance.randrange(1, 1_000), Decimal(chance.randrange(1, 10**7)) / 10**6
        counted(now, hits=amount, load_seconds=float(seconds))
        reads[now.date()] += amount
        by_day[now.date()] += seconds
        last, now = now, now + timedelta(minutes=chance.randrange(1, 90))
    monkeypatch.setattr(clock, "now", lambda: last)
    for step in (30, 480, 1440):
        found_reads: defaultdict[date, float] = defaultdict(float)
        found_seconds: defaultdict[date, float] = defaultdict(float)
        for point in time_series.whole_days("sample_price", 30, step=step):
            found_reads[point.at.astimezone(INDIA).date()] += point.counts.get("hits", 0)
            found_seconds[point.at.astimezone(INDIA).date()] += point.counts.get("load_seconds", 0)
        assert found_reads == reads
        assert {day: round(Decimal(seconds), 6) for day, seconds in found_seconds.items()} == by_day
    whole = totals.counts()["sample_price"]
    assert whole["hits"] == sum(reads.values())
    assert whole["load_seconds"] == pytest.approx(float(sum(by_day.values())), abs=1e-6)


@pytest.mark.usefixtures("redis_store")
def test_a_batch_that_is_sent_again_or_late_counts_once_and_at_its_own_time() -> None:
    queue = BatchQueue()
    queue.put({("sample_price", "hits"): 5}, int((NOON - timedelta(days=2)).timestamp()) // 60)
    batch = queue.next_batch()
    assert batch
    counters.add_batch(batch)
    counters.add_batch(batch)  # its answer was lost
    points = time_series.whole_days("sample_price", 3, step=24 * 60)
    assert hits(points) == [5, 0, 0]


@pytest.mark.usefixtures("redis_store")
def test_counts_of_the_day_before_the_first_stay_out() -> None:
    counted(NOON - timedelta(days=30), hits=9)
    counted(NOON - timedelta(days=29), hits=1)
    assert sum(hits(time_series.whole_days("sample_price", 30, step=480))) == 1


@pytest.mark.django_db
def test_clears_and_starts_are_marked_once(redis_store: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC))
    for _ in range(3):  # the workers of one server
        time_series.mark_site_start()
    clear.clear(clear.target(pattern="sample:*"), by="Asha")
    marks = time_series.marks(minutes=5)
    assert [mark.at for mark in marks] == sorted(mark.at for mark in marks)
    assert sorted((mark.kind, mark.what) for mark in marks) == [
        ("clear", "sample:* by Asha"),
        ("restart", "Redis was started"),
        ("restart", "the site was started"),
    ]


@pytest.mark.django_db
def test_the_latest_200_starts_and_clears_are_kept(redis_store: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC))
    redis = Redis.from_url(redis_store.url)
    totals.marks()  # greets it
    now = int(time.time())
    redis.hset(f"marks:{conf.prefix()}", "site long ago", now - 32 * 86_400)
    for nonsense in ("nonsense", "nan", "-inf"):
        redis.hset(f"marks:{conf.prefix()}", nonsense, nonsense)
    for number in range(1, 300):
        redis.hset(f"marks:{conf.prefix()}", f"site elsewhere {number}", now - 10 * number)
    ClearRecord.objects.bulk_create(ClearRecord(by="Asha", what=str(n), keys=0, seconds=0) for n in range(300))
    totals.mark("site here")
    assert set(totals.marks()) >= {"site here", *(f"site elsewhere {number}" for number in range(1, 199))}
    assert len(totals.marks()) == 200
    clears = [mark.what for mark in time_series.marks(minutes=30 * 24 * 60) if mark.kind == "clear"]
    assert clears == [f"{n} by Asha" for n in range(100, 300)]


@pytest.mark.django_db
def test_marks_that_are_older_than_asked_for_stay_out(redis_store: RedisServer) -> None:
    redis = Redis.from_url(redis_store.url)
    totals.marks()  # greets it
    redis.hset(f"marks:{conf.prefix()}", "site elsewhere 1", str(int(NOON.timestamp()) - 600))
    redis.hset(f"marks:{conf.prefix()}", "nonsense", "nonsense")
    assert [mark.what for mark in time_series.marks(minutes=11) if mark.at < NOON] == ["the site was started"]
    assert [mark for mark in time_series.marks(minutes=9) if mark.at < NOON] == []
