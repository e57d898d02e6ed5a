"""The statistics over time: by the minute, in steps, with what happened meanwhile."""

from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from systemcache import clock, conf
from systemcache.errors import StoreUnavailable, UnknownFamily
from systemcache.invalidation import clear
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
    points = time_series.series("sample_price", minutes=25 * 60, step=60)
    assert len(points) == 25
    assert (points[0].at, points[0].counts) == (datetime(2026, 1, 4, 12, tzinfo=UTC), {"hits": 7})


@pytest.mark.usefixtures("redis_store")
def test_what_this_process_counts_now_is_in() -> None:
    counters.count("sample_price", "hits", 5)
    counters.flush()
    at = datetime.now(UTC)
    found = totals.minutes(["sample_price"], int(at.timestamp()) // 60 - 1, int(at.timestamp()) // 60)
    assert sum(counts["hits"] for counts in found.values()) == 5


@pytest.mark.parametrize("odd", ["nonsense", "nan", "inf", "1e999", ""])
def test_what_is_no_number_counts_as_nothing(redis_store: RedisServer, odd: str) -> None:
    counted(NOON, "sample_price", hits=5)
    redis = Redis.from_url(redis_store.url)
    (name,) = redis.keys("series:*")
    redis.hset(name, "0misses", odd)
    minute = int(NOON.timestamp()) // 60
    found = totals.minutes(["sample_price"], minute - 10, minute)
    assert found[minute]["hits"] == 5
    assert not any(counts.get("misses") for counts in found.values())


@pytest.mark.usefixtures("redis_store")
def test_an_unknown_family_is_named() -> None:
    with pytest.raises(UnknownFamily, match="nonsense"):
        time_series.series("nonsense", minutes=1, step=1)


def test_without_redis_it_says_so() -> None:
    with pytest.raises(StoreUnavailable):
        time_series.series(None, minutes=1, step=1)


def test_every_key_ends_and_a_day_of_counts_stays_small(
    redis_store: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    redis = Redis.from_url(redis_store.url)
    events = dict.fromkeys(("hits", "misses", "loads", "waits"), 123.0) | {"load_seconds": 12.345678}
    for minutes_ago in range(25 * 60):
        counted(NOON - timedelta(minutes=minutes_ago), "sample_price", **events)
    names = redis.keys("series:*")
    assert len(names) in (150, 151)
    assert all(0 < redis.ttl(name) <= 60 * (totals.SERIES_MINUTES + totals.SPAN) for name in names)
    assert all(redis.object("encoding", name) == b"listpack" for name in names)
    per_family = sum(int(redis.memory_usage(name) or 0) for name in names)
    with capsys.disabled():
        print(f" {per_family} bytes for 25 hours of a family")
    assert per_family < 400_000


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
def test_marks_that_are_older_than_asked_for_stay_out(redis_store: RedisServer) -> None:
    redis = Redis.from_url(redis_store.url)
    totals.marks()  # greets it
    redis.hset(f"marks:{conf.prefix()}", "site elsewhere 1", str(int(NOON.timestamp()) - 600))
    redis.hset(f"marks:{conf.prefix()}", "nonsense", "nonsense")
    assert [mark.what for mark in time_series.marks(minutes=11) if mark.at < NOON] == ["the site was started"]
    assert [mark for mark in time_series.marks(minutes=9) if mark.at < NOON] == []
