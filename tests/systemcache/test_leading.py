"""Who leads a piece of work over all processes."""

import pytest
from redis import Redis

from systemcache.errors import StoreUnavailable
from systemcache.storage.leader_lock import LeaderLock
from tests.support.waiting import eventually
from testservers.redis_server import RedisServer


@pytest.mark.usefixtures("redis_store")
def test_one_leads_and_keeps_the_lead_until_it_resigns() -> None:
    one, two = LeaderLock("work", 10), LeaderLock("work", 10)
    assert [one.acquire(), two.acquire(), one.acquire()] == [True, False, True]
    two.release()  # not its own to give up
    assert not two.acquire()
    one.release()
    assert two.acquire()


@pytest.mark.usefixtures("redis_store")
def test_other_work_has_a_leader_of_its_own() -> None:
    assert [LeaderLock("work", 10).acquire(), LeaderLock("other", 10).acquire()] == [True, True]


def test_the_lead_of_one_that_has_died_ends_by_itself(redis_store: RedisServer) -> None:
    dead, heir = LeaderLock("work", 0.2), LeaderLock("work", 10)
    assert dead.acquire()
    assert not heir.acquire()
    (key,) = Redis.from_url(redis_store.url).keys("lead:*")
    assert 0 < Redis.from_url(redis_store.url).pttl(key) <= 200
    eventually(heir.acquire, 5)


def test_without_redis_nobody_leads() -> None:
    with pytest.raises(StoreUnavailable):
        LeaderLock("work", 1).acquire()
