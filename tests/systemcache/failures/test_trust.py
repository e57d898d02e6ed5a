"""When a process trusts Redis again: not while anything is left undone that it knows of."""

from decimal import Decimal

import pytest
from django.db import transaction
from redis import Redis

from systemcache import keeper, outbox, stats, store
from systemcache.breaker import Breaker
from systemcache.errors import StoreUnavailable
from systemcache.fetch import fetch
from systemcache.models import PendingInvalidation
from tests.servers.redis_server import RedisServer
from tests.systemcache.samples import PRICE, Price


def read(amount: int) -> tuple[int, str]:
    found = fetch(PRICE, {"symbol": "A"}, lambda: Price("A", Decimal(amount)))
    return int(found.value.amount), found.state


@pytest.fixture
def breaker() -> Breaker:
    breaker = Breaker(pause=lambda: 0.0)
    breaker.failed()
    return breaker


def test_a_call_that_fails_while_redis_is_put_in_order_keeps_it_open(breaker: Breaker) -> None:
    def fail_meanwhile() -> bool:
        breaker.failed()
        return True

    breaker.probe(fail_meanwhile)
    assert breaker.state == "open"
    breaker.probe(lambda: True)
    assert breaker.state == "closed"


def test_a_drop_that_is_turned_away_while_redis_is_put_in_order_keeps_it_open(breaker: Breaker) -> None:
    breaker.probe(breaker.leaves_undone)
    assert breaker.state == "open"
    breaker.probe(lambda: True)
    assert (breaker.state, breaker.leaves_undone()) == ("closed", False)


def test_drops_are_tried_as_soon_as_redis_answers_so_that_writing_all_the_time_does_not_keep_it_open(
    breaker: Breaker,
) -> None:
    def put_in_order() -> bool:
        assert breaker.leaves_undone()
        breaker.takes_drops()
        return not breaker.leaves_undone()

    breaker.probe(put_in_order)
    assert breaker.state == "closed"


def test_a_drop_that_fails_while_redis_is_put_in_order_keeps_it_open(breaker: Breaker) -> None:
    def put_in_order() -> bool:
        breaker.takes_drops()
        breaker.failed()
        assert breaker.leaves_undone()  # one that is tried and fails is enough
        return True

    breaker.probe(put_in_order)
    assert breaker.state == "open"
    assert breaker.leaves_undone()


def test_a_drop_that_is_turned_away_does_not_begin_the_pause_anew() -> None:
    now = 0.0
    breaker = Breaker(pause=lambda: 2.0, clock=lambda: now)
    breaker.failed()
    now = 1.9
    assert breaker.leaves_undone()
    now = 2.0
    breaker.probe(lambda: True)
    assert breaker.state == "closed"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("gate")
def test_a_write_that_commits_while_redis_is_put_in_order_is_dropped_before_redis_is_trusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (read(1), read(1)) == ((1, "miss"), (1, "hit"))
    store.breaker.failed()
    in_order = outbox.put_in_order

    def with_a_write_after() -> bool:
        done = in_order()
        with transaction.atomic():
            outbox.record("default", PRICE)
        return done

    monkeypatch.setattr(outbox, "put_in_order", with_a_write_after)
    keeper.look()
    monkeypatch.undo()
    assert (read(2), read(2)) == ((2, "miss"), (2, "hit"))
    assert not PendingInvalidation.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("gate")
def test_redis_that_refuses_a_drop_is_not_read_until_it_takes_it(victim: RedisServer) -> None:
    assert (read(1), read(1)) == ((1, "miss"), (1, "hit"))
    admin = Redis.from_url(victim.url)
    admin.replicaof("127.0.0.1", "1")
    try:
        assert read(1) == (1, "hit")
        with transaction.atomic():
            outbox.record("default", PRICE)
        assert read(2) == (2, "bypass")
        keeper.look()
        assert read(2) == (2, "bypass")
    finally:
        admin.replicaof("NO", "ONE")
    keeper.look()
    assert (read(2), read(2)) == ((2, "miss"), (2, "hit"))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("gate")
def test_a_process_hears_by_its_keeper_of_a_drop_that_another_could_not_do(victim: RedisServer) -> None:
    assert (read(1), read(1)) == ((1, "miss"), (1, "hit"))
    PendingInvalidation.objects.create(tags=["sample_price"])  # another process's, which could not reach Redis
    keeper.look()
    assert read(2) == (2, "miss")
    assert not PendingInvalidation.objects.exists()


@pytest.mark.usefixtures("gate")
def test_a_full_redis_keeps_nobody_waiting(victim: RedisServer) -> None:
    read(1)
    admin = Redis.from_url(victim.url)
    admin.config_set("maxmemory", 1)
    try:
        store.drop(["sample_price"])
        lease = store.acquire(
            store.Spot("sample:price:B", ("sample_price",)), 10
        ).lease  # with the generation made anew
        if lease:
            store.abandon(lease)
        for amount in (2, 3):
            assert read(amount)[0] in (2, amount)
        assert admin.keys("lease:*") == []
    finally:
        admin.config_set("maxmemory", 0)
    assert (read(4)[0], read(4)[1]) in ((2, "hit"), (4, "hit"))


@pytest.mark.usefixtures("gate")
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
    assert stats.snapshot()["connected"] is True
    stats.count("sample_price", "hits")
    stats.count("sample_list", "hits", 5)
    stats.flush()
    stats.count("sample_price", "hits")
    snapshot = stats.snapshot()
    assert snapshot["families"]["sample_list"]["hits"] == 5
    assert snapshot["families"]["sample_price"]["hits"] in (1, 2)


def test_with_the_breaker_open_a_drop_says_so() -> None:
    store.breaker.failed()
    with pytest.raises(StoreUnavailable):
        store.drop(["sample_price"])
