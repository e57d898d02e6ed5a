"""Leases, step by step on a real Redis: which caller may load and store, and which waiters are woken."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from pytest_django.fixtures import Settings
from redis import Redis

from systemcache.codec import Entry
from systemcache.storage import generations, key_names, leases
from systemcache.storage.key_names import EntryRef
from systemcache.storage.leases import Lease

REF = EntryRef("sample:list", ("sample_list",))
SECONDS = 30.0
ENTRY = Entry(datetime(2026, 1, 5, tzinfo=UTC), 60, b"[]")
LEASE = key_names.lease_key(REF.key)
pytestmark = pytest.mark.usefixtures("redis_store")


def granted() -> Lease:
    lease = leases.acquire(REF, SECONDS).lease
    assert lease
    return lease


def is_granted() -> bool:
    return leases.acquire(REF, SECONDS).lease is not None


@pytest.fixture
def patient(settings: Settings) -> None:
    """A waiter that is not woken waits for so long that the test's time runs out."""
    settings.CACHE_WAIT_SLICE = 3600


def test_while_one_loads_nobody_else_is_granted_the_lease() -> None:
    granted()
    assert not is_granted()


def test_after_an_invalidation_the_next_one_loads_at_once() -> None:
    before = granted()
    generations.invalidate_tags(REF.tags)
    after = granted()
    assert not leases.store(before, ENTRY)
    assert leases.store(after, ENTRY)


def test_a_lease_that_outlasts_any_that_is_granted_is_void(redis: Redis) -> None:
    """Redis's clock has gone back."""
    granted()
    redis.pexpire(LEASE, int(1000 * SECONDS) + 60_000)
    assert is_granted()


def test_an_end_takes_no_other_callers_lease(redis: Redis) -> None:
    lost = granted()
    redis.delete(LEASE)  # it has expired
    now = granted()
    leases.release(lost)
    assert not is_granted()
    assert not leases.store(lost, ENTRY)
    assert leases.store(now, ENTRY)


def test_while_a_source_cools_down_nobody_loads() -> None:
    leases.release(granted(), cool_down=SECONDS / 2)
    reply = leases.acquire(REF, SECONDS)
    assert (reply.lease, reply.source_cooling_down) == (None, True)


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("end", [leases.release, lambda lease: leases.store(lease, ENTRY)], ids=["release", "store"])
def test_the_end_of_a_load_wakes_all_waiters(end: Callable[[Lease], object], redis: Redis) -> None:
    end(granted())
    redis.persist(key_names.signal_key(REF.key))  # however slow this machine is
    for _ in range(3):
        leases.wait(REF)
