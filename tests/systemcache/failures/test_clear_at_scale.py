"""A clear among 300,000 keys. The figures are `benchmarks.clear`'s; here stand what it deletes and a generous bound."""

from datetime import UTC, datetime

import pytest
from redis import Redis

from benchmarks import clear
from systemcache import codec, invalidation, store
from tests.servers.redis_server import RedisServer
from tests.systemcache.failures.gate import Gate

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(120)]

SECONDS, PING = 10.0, 300.0  # this machine does other things, too


@pytest.mark.parametrize("chosen", clear.CHOSEN, ids=lambda chosen: next(iter(chosen)))
def test_ours_go_and_the_others_stay_and_other_clients_are_served(
    chosen: dict[str, str], gate: Gate, victim: RedisServer
) -> None:
    clear.fill()
    redis = Redis.from_url(victim.url)
    assert redis.dbsize() >= clear.ALL
    assert invalidation.clear(invalidation.target(**chosen), by="test", dry_run=True).keys == clear.OURS
    done = clear.one(chosen, victim.url)
    print(f"\n{done}")
    assert done.keys == clear.OURS
    assert sum(1 for _ in redis.scan_iter("other:*", count=10_000)) == clear.ALL - clear.OURS
    assert list(redis.scan_iter("iifl:*", count=10_000)) == []
    assert done.seconds < SECONDS
    assert done.p99 < PING


@pytest.mark.usefixtures("gate")
def test_a_clear_by_pattern_voids_all_loads_under_way_and_none_that_begins_later() -> None:
    spot = store.Spot("sample:a", ("sample_price",))
    entry = codec.Entry(datetime.now(UTC), 60, b"1")
    before = store.acquire(spot, 10).lease
    assert before
    invalidation.clear(invalidation.target(pattern="sample:*"), by="test")
    assert not store.store(before, entry, 60)
    after = store.acquire(spot, 10).lease
    assert after
    assert store.store(after, entry, 60)
    found = store.read(spot)
    assert isinstance(found, codec.Entry)
    invalidation.clear(invalidation.target(pattern="other:*"), by="test")
    assert store.read(spot) == found, "a value that does not match was dropped"


@pytest.mark.usefixtures("gate")
def test_a_key_whose_name_is_no_text_is_cleared_too(victim: RedisServer) -> None:
    redis = Redis.from_url(victim.url)
    redis.set(b"iifl:SIM0001:\xff\xfe", "x")
    redis.set(b"\xff\xfe", "foreign")
    target = invalidation.target(pattern="*")
    assert invalidation.clear(target, by="test", dry_run=True).keys == 1
    assert invalidation.clear(target, by="test").keys == 1
    assert redis.get(b"\xff\xfe") == b"foreign"
