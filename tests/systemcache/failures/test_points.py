"""Redis fails at one point of a read, a write or a clear: the caller gets the right value, and nothing wrong stays."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connections, transaction
from redis import Redis

from systemcache import codec, invalidation, keeper, outbox, sources, store
from systemcache.batch import fetch_many
from systemcache.errors import StoreUnavailable
from systemcache.families import Family
from systemcache.fetch import fetch, spot_of
from systemcache.fetched import Fetched
from systemcache.keys import Params
from systemcache.models import PendingInvalidation
from tests.infra.waiting import eventually
from tests.servers.redis_server import RedisServer
from tests.systemcache.failures.gate import Gate
from tests.systemcache.samples import PRICE, Price

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]

A: Params = {"symbol": "A"}
B: Params = {"symbol": "B"}
FAILURES = ("hangs", "dies", "answer is lost")
QUICK = 2.0  # seconds; a lease that nobody gives back stands for ten


class Table:
    """What a source shows, and a write that replaces it."""

    def __init__(self) -> None:
        self.value = 1
        self.during: Callable[[], object] = lambda: None

    def load(self) -> Price:
        value, during, self.during = self.value, self.during, lambda: None
        during()
        return Price("A", Decimal(value))

    def read(self, family: Family[Price] = PRICE) -> Fetched[Price]:
        return fetch(family, A, self.load)

    def read_several(self) -> Fetched[Price]:
        first, second = fetch_many(PRICE, [A, B], lambda missing: [self.load()] * len(missing))
        assert first
        assert second
        assert first.value == second.value
        return first

    def write(self, value: int) -> None:
        with transaction.atomic():
            self.value = value
            outbox.record("default", PRICE)


@pytest.fixture
def table(gate: Gate) -> Iterator[Table]:
    """Scripts known, a connection in the pool, nothing cached of what is read."""
    fetch(PRICE, {"symbol": "WARM"}, lambda: Price("WARM", Decimal(0)))
    yield Table()
    connections.close_all()


def break_at(point: str, failure: str, gate: Gate, victim: RedisServer, table: Table) -> None:
    hook = {"hangs": victim.pause, "dies": victim.kill, "answer is lost": lambda: None}[failure]
    if point == "load":
        table.during = hook
        gate.passed.set()
    else:
        gate.at(point, hook, lose_answer=failure == "answer is lost")


def mend(failure: str, victim: RedisServer) -> None:
    if failure == "hangs":
        victim.resume()
    elif failure == "dies":
        victim.restart(empty=True)
    eventually(looked_after, 5)


def looked_after() -> bool:
    """A call that began before the outage (the statistics have a thread) may fail after it: it opens anew."""
    keeper.look()
    return store.breaker.state == "closed"


def assert_in_order(table: Table, victim: RedisServer) -> None:
    """The next reads are current, quick, and come from Redis; no lease and no record is left."""
    started = time.monotonic()
    assert table.read().value.amount == table.value
    again = table.read()
    assert again.value.amount == table.value
    assert again.state == "hit"
    assert time.monotonic() - started < QUICK
    assert Redis.from_url(victim.url).keys("lease:*") == []
    assert not PendingInvalidation.objects.exists()


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("point", ["read", "acquire", "load", "store"])
def test_a_read(point: str, failure: str, gate: Gate, victim: RedisServer, table: Table) -> None:
    break_at(point, failure, gate, victim, table)
    assert table.read().value.amount == 1
    assert gate.passed.wait(1)
    table.write(2)
    assert table.read().value.amount == 2
    mend(failure, victim)
    assert_in_order(table, victim)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("point", ["read", "acquire", "load", "store"])
def test_a_read_after_which_nobody_writes(
    point: str, failure: str, gate: Gate, victim: RedisServer, table: Table
) -> None:
    break_at(point, failure, gate, victim, table)
    started = time.monotonic()
    assert table.read().value.amount == 1
    assert time.monotonic() - started < QUICK
    mend(failure, victim)
    assert_in_order(table, victim)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("point", ["read", "acquire", "load", "store"])
def test_a_read_of_several(point: str, failure: str, gate: Gate, victim: RedisServer, table: Table) -> None:
    break_at(point, failure, gate, victim, table)
    assert table.read_several().value.amount == 1
    assert gate.passed.wait(1)
    table.write(2)
    assert table.read_several().value.amount == 2
    mend(failure, victim)
    started = time.monotonic()
    assert table.read_several().value.amount == 2
    assert table.read_several().state == "hit"
    assert time.monotonic() - started < QUICK
    assert_in_order(table, victim)


@pytest.mark.parametrize("failure", FAILURES)
def test_a_read_whose_source_fails_meanwhile(failure: str, gate: Gate, victim: RedisServer, table: Table) -> None:
    def fail() -> None:
        raise LookupError

    table.during = fail
    break_at("abandon", failure, gate, victim, table)
    with pytest.raises(LookupError):
        table.read()
    assert gate.passed.wait(1)
    mend(failure, victim)
    sources.failures.clear()  # the source is well again
    assert_in_order(table, victim)


@pytest.mark.parametrize("failure", FAILURES)
def test_a_wait_for_anothers_load(failure: str, gate: Gate, victim: RedisServer, table: Table) -> None:
    spot = spot_of(PRICE, A)
    lease = store.acquire(spot, 10).lease
    assert lease
    break_at("wait", failure, gate, victim, table)
    with ThreadPoolExecutor(1) as pool:
        waiter = pool.submit(table.read)
        assert gate.passed.wait(5)
        if failure == "answer is lost":
            store.abandon(lease)  # the other gives up: the waiter hears of it all the same
        assert waiter.result(QUICK).value.amount == 1
    table.write(2)
    mend(failure, victim)
    late = table.read()  # loaded under a lease of its own
    assert not store.store(lease, late_entry(late), 60), "a store under a dropped lease was kept"
    if failure == "hangs":
        store.abandon(lease)
    assert_in_order(table, victim)


def late_entry(fetched: Fetched[Price]) -> codec.Entry:
    return codec.Entry(fetched.created, 60, b'{"symbol":"A","amount":"1"}')


@pytest.mark.parametrize("failure", FAILURES)
def test_a_write(failure: str, gate: Gate, victim: RedisServer, table: Table) -> None:
    assert (table.read().state, table.read().state) == ("miss", "hit")
    break_at("drop", failure, gate, victim, table)
    table.write(2)
    assert gate.passed.wait(1)
    assert table.read().value.amount == 2
    assert PendingInvalidation.objects.count() == (failure != "answer is lost")
    mend(failure, victim)
    assert_in_order(table, victim)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("point", ["drop", "scan"])
def test_a_clear_of_a_family(point: str, failure: str, gate: Gate, victim: RedisServer, table: Table) -> None:
    assert (table.read().state, table.read().state) == ("miss", "hit")
    break_at(point, failure, gate, victim, table)
    target = invalidation.target(family="sample_price")
    if failure == "answer is lost":
        assert invalidation.clear(target, by="test").keys == 2
    else:
        with pytest.raises(StoreUnavailable):
            invalidation.clear(target, by="test")
    assert gate.passed.wait(1)
    mend(failure, victim)
    if point == "scan" or failure != "hangs":
        table.value = 2  # what the clear has reached is gone, though it could not end
    assert_in_order(table, victim)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("point", ["scan", "drop"])
def test_a_clear_by_pattern(point: str, failure: str, gate: Gate, victim: RedisServer, table: Table) -> None:
    assert (table.read().state, table.read().state) == ("miss", "hit")
    break_at(point, failure, gate, victim, table)
    target = invalidation.target(pattern="sample:*")
    if failure == "answer is lost":
        invalidation.clear(target, by="test")
        table.value = 2
    else:
        with pytest.raises(StoreUnavailable):
            invalidation.clear(target, by="test")
    mend(failure, victim)
    assert table.read().value.amount in (1, table.value)
    invalidation.clear(target, by="test")
    table.value = 3
    assert_in_order(table, victim)
