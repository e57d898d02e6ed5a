"""When a process trusts Redis again: not while anything is left undone that it knows of."""

from decimal import Decimal

import pytest
from django.db import transaction
from redis import Redis

from systemcache.errors import StoreUnavailable
from systemcache.fetching.fetch import fetch
from systemcache.invalidation import outbox, recovery
from systemcache.models import PendingInvalidation
from systemcache.stats import counters
from systemcache.storage import generations, key_names, leases
from systemcache.storage.breaker import Breaker, breaker
from tests.systemcache.samples import PRICE, Price
from testservers.redis_server import RedisServer


def read(amount: int) -> tuple[int, str]:
    found = fetch(PRICE, {"symbol": "A"}, lambda: Price("A", Decimal(amount)))
    return int(found.value.amount), found.state


@pytest.fixture
def opened() -> Breaker:
    breaker = Breaker(pause=lambda: 0.0)
    breaker.failed()
    return breaker


def test_a_call_that_fails_while_redis_is_put_in_order_keeps_it_open(opened: Breaker) -> None:
    def fail_meanwhile() -> bool:
        opened.failed()
        return True

    opened.probe(fail_meanwhile)
    assert opened.state == "open"
    opened.probe(lambda: True)
    assert opened.state == "closed"


def test_a_drop_that_is_turned_away_while_redis_is_put_in_order_keeps_it_open(opened: Breaker) -> None:
    opened.probe(opened.refuse_invalidation)
    assert opened.state == "open"
    opened.probe(lambda: True)
    assert (opened.state, opened.refuse_invalidation()) == ("closed", False)


def test_drops_are_tried_as_soon_as_redis_answers_so_that_writing_all_the_time_does_not_keep_it_open(
    opened: Breaker,
) -> None:
    def put_in_order() -> bool:
        assert opened.refuse_invalidation()
        opened.allow_invalidations()
        return not opened.refuse_invalidation()

    opened.probe(put_in_order)
    assert opened.state == "closed"


def test_a_drop_that_fails_while_redis_is_put_in_order_keeps_it_open(opened: Breaker) -> None:
    def put_in_order() -> bool:
        opened.allow_invalidations()
        opened.failed()
        assert opened.refuse_invalidation()  # one that is tried and fails is enough
        return True

    opened.probe(put_in_order)
    assert opened.state == "open"
    assert opened.refuse_invalidation()


def test_a_drop_that_is_turned_away_does_not_begin_the_pause_anew() -> None:
    now = 0.0
    breaker = Breaker(pause=lambda: 2.0, clock=lambda: now)
    breaker.failed()
    now = 1.9
    assert breaker.refuse_invalidation()
    now = 2.0
    breaker.probe(lambda: True)
    assert breaker.state == "closed"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("proxy")
def test_a_write_that_commits_while_redis_is_put_in_order_is_dropped_before_redis_is_trusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (read(1), read(1)) == ((1, "miss"), (1, "hit"))
    breaker.failed()
    in_order = outbox.replay_after_outage

    def with_a_write_after() -> bool:
        done = in_order()
        with transaction.atomic():
            outbox.record("default", PRICE)
        return done

    monkeypatch.setattr(outbox, "replay_after_outage", with_a_write_after)
    recovery.run_once()
    monkeypatch.undo()
    assert (read(2), read(2)) == ((2, "miss"), (2, "hit"))
    assert not PendingInvalidation.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("proxy")
def test_redis_that_refuses_a_drop_is_not_read_until_it_takes_it(victim: RedisServer) -> None:
    assert (read(1), read(1)) == ((1, "miss"), (1, "hit"))
    admin = Redis.from_url(victim.url)
    admin.replicaof("127.0.0.1", "1")
    try:
        assert read(1) == (1, "hit")
        with transaction.atomic():
            outbox.record("default", PRICE)
        assert read(2) == (2, "bypass")
        recovery.run_once()
        assert read(2) == (2, "bypass")
    finally:
        admin.replicaof("NO", "ONE")
    recovery.run_once()
    assert (read(2), read(2)) == ((2, "miss"), (2, "hit"))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("proxy")
def test_a_process_hears_by_its_recovery_of_a_drop_that_another_could_not_do(victim: RedisServer) -> None:
    assert (read(1), read(1)) == ((1, "miss"), (1, "hit"))
    PendingInvalidation.objects.create(tags=["sample_price"])  # another process's, which could not reach Redis
    recovery.run_once()
    assert read(2) == (2, "miss")
    assert not PendingInvalidation.objects.exists()


@pytest.mark.usefixtures("proxy")
def test_a_full_redis_keeps_nobody_waiting(victim: RedisServer) -> None:
    read(1)
    admin = Redis.from_url(victim.url)
    admin.config_set("maxmemory", 1)
    try:
        generations.invalidate_tags(["sample_price"])
        lease = leases.acquire(
            key_names.EntryRef("sample:price:B", ("sample_price",)), 10
        ).lease  # with the generation made again
        if lease:
            leases.release(lease)
        for amount in (2, 3):
            assert read(amount)[0] in (2, amount)
        assert admin.keys("lease:*") == []
    finally:
        admin.config_set("maxmemory", 0)
    assert (read(4)[0], read(4)[1]) in ((2, "hit"), (4, "hit"))


@pytest.mark.usefixtures("proxy")
@pytest.mark.parametrize("planted", ["text", "list", "no number", "not finite", "no name"])
def test_whatever_stands_where_counts_should_counting_goes_on(planted: str, victim: RedisServer) -> None:
    admin, name = Redis.from_url(victim.url), "stats:iifl:SIM0001"
    if planted == "text":
        admin.set(name, "x")
    elif planted == "list":
        admin.rpush(name, "x")
    else:
        field = b"\xff" if planted == "no name" else "sample_price hits"
        admin.hset(name, field, {"no number": "x", "not finite": "inf", "no name": "1"}[planted])
    assert counters.snapshot()["connected"] is True
    counters.count("sample_price", "hits")
    counters.count("sample_list", "hits", 5)
    counters.flush()
    counters.count("sample_price", "hits")
    snapshot = counters.snapshot()
    assert snapshot["families"]["sample_list"]["hits"] == 5
    assert snapshot["families"]["sample_price"]["hits"] in (1, 2)


def test_with_the_breaker_open_a_drop_says_so() -> None:
    breaker.failed()
    with pytest.raises(StoreUnavailable):
        generations.invalidate_tags(["sample_price"])
