"""Who leads a piece of work over all processes."""

import pytest
from redis import Redis

from systemcache.errors import StoreUnavailable
from systemcache.leading import Candidate
from tests.infra.waiting import eventually
from tests.servers.redis_server import RedisServer


@pytest.mark.usefixtures("redis_store")
def test_one_leads_and_keeps_the_lead_until_it_resigns() -> None:
    one, two = Candidate("work", 10), Candidate("work", 10)
    assert [one.leads(), two.leads(), one.leads()] == [True, False, True]
    two.resign()  # not its own to give up
    assert not two.leads()
    one.resign()
    assert two.leads()


@pytest.mark.usefixtures("redis_store")
def test_other_work_has_a_leader_of_its_own() -> None:
    assert [Candidate("work", 10).leads(), Candidate("other", 10).leads()] == [True, True]


def test_the_lead_of_one_that_has_died_ends_by_itself(redis_store: RedisServer) -> None:
    dead, heir = Candidate("work", 0.2), Candidate("work", 10)
    assert dead.leads()
    assert not heir.leads()
    (key,) = Redis.from_url(redis_store.url).keys("lead:*")
    assert 0 < Redis.from_url(redis_store.url).pttl(key) <= 200
    eventually(heir.leads, 5)


def test_without_redis_nobody_leads() -> None:
    with pytest.raises(StoreUnavailable):
        Candidate("work", 1).leads()
