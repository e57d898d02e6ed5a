"""A clear among many keys, step by step, so that Redis answers others in between. In seconds: `make bench`."""

from datetime import UTC, datetime

import pytest
from redis import Redis

from systemcache import codec, conf
from systemcache.invalidation import clear
from systemcache.storage import entries, key_names, leases, scan
from testservers.redis_server import RedisServer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_store")]

ALL, OURS, BATCH = 60_000, 20_000, 6_000


@pytest.fixture
def filled(redis_store: RedisServer) -> Redis:
    """A Redis in which every third key is ours."""
    redis = Redis.from_url(redis_store.url)
    ours = f"{conf.prefix()}:api:quotes:NSEEQ:S"
    for start in range(0, ALL, BATCH):
        names = [f"other:{n}" if n % (ALL // OURS) else f"{ours}{n}" for n in range(start, start + BATCH)]
        redis.mset(dict.fromkeys(names, b"x" * 60))
    return redis


@pytest.mark.parametrize("chosen", [{"pattern": "api:quotes:*"}, {"family": "quotes"}], ids=["pattern", "family"])
def test_a_clear_deletes_our_keys_alone_and_in_small_steps(filled: Redis, chosen: dict[str, str]) -> None:
    assert clear.clear(clear.target(**chosen), by="test", dry_run=True).keys == OURS
    filled.config_resetstat()
    assert clear.clear(clear.target(**chosen), by="test").keys == OURS
    calls = {name.removeprefix("cmdstat_"): row["calls"] for name, row in filled.info("commandstats").items()}
    assert calls["scan"] >= ALL / (2 * scan.SCAN_COUNT)
    assert calls["unlink"] >= OURS / (2 * scan.SCAN_COUNT)
    assert not {"keys", "flushdb", "flushall", "del"} & calls.keys()
    left = list(filled.scan_iter("*", count=10_000))
    assert len([name for name in left if name.startswith(b"other:")]) == ALL - OURS
    assert not [name for name in left if name.startswith(conf.prefix().encode())]


def test_a_clear_by_pattern_voids_all_loads_under_way_and_none_that_begins_later() -> None:
    ref = key_names.EntryRef("sample:a", ("sample_price",))
    entry = codec.Entry(datetime.now(UTC), 60, b"1")
    before = leases.acquire(ref, 10).lease
    assert before
    clear.clear(clear.target(pattern="sample:*"), by="test")
    assert not leases.store(before, entry, 60)
    after = leases.acquire(ref, 10).lease
    assert after
    assert leases.store(after, entry, 60)
    found = entries.read(ref)
    assert isinstance(found, codec.Entry)
    clear.clear(clear.target(pattern="other:*"), by="test")
    assert entries.read(ref) == found, "a value that does not match was dropped"


def test_a_key_whose_name_is_no_text_is_cleared_too(redis_store: RedisServer) -> None:
    redis = Redis.from_url(redis_store.url)
    redis.set(b"iifl:SIM0001:\xff\xfe", "x")
    redis.set(b"\xff\xfe", "foreign")
    target = clear.target(pattern="*")
    assert clear.clear(target, by="test", dry_run=True).keys == 1
    assert clear.clear(target, by="test").keys == 1
    assert redis.get(b"\xff\xfe") == b"foreign"
