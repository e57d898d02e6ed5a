"""Redis fails at one point of a read, a write or a clear: the caller gets the right value, and nothing wrong stays."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.db import connections, transaction
from redis import Redis

from systemcache import codec
from systemcache.cached_value import CachedValue
from systemcache.errors import StoreUnavailable
from systemcache.families import Family
from systemcache.fetching import source
from systemcache.fetching.fetch import fetch
from systemcache.fetching.fetch_many import fetch_many
from systemcache.fetching.read import entry_ref
from systemcache.invalidation import clear, outbox, recovery
from systemcache.keys import Params
from systemcache.models import PendingInvalidation
from systemcache.storage import leases
from systemcache.storage.breaker import breaker
from tests.support.waiting import eventually
from tests.systemcache.failures.points import FailingRedis
from tests.systemcache.samples import PRICE, Price
from testservers.redis_server import RedisServer

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

    def read(self, family: Family[Price] = PRICE) -> CachedValue[Price]:
        return fetch(family, A, self.load)

    def read_several(self) -> CachedValue[Price]:
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
def table(proxy: FailingRedis) -> Iterator[Table]:
    """Scripts known, a connection in the pool, nothing cached of what is read."""
    fetch(PRICE, {"symbol": "WARM"}, lambda: Price("WARM", Decimal(0)))
    yield Table()
    connections.close_all()


def break_at(point: str, failure: str, proxy: FailingRedis, victim: RedisServer, table: Table) -> None:
    hook = {"hangs": victim.pause, "dies": victim.kill, "answer is lost": lambda: None}[failure]
    if point == "load":
        table.during = hook
        proxy.intercepted.set()
    else:
        proxy.at(point, hook, lose_answer=failure == "answer is lost")


def mend(failure: str, victim: RedisServer) -> None:
    if failure == "hangs":
        victim.resume()
    elif failure == "dies":
        victim.restart(empty=True)
    eventually(looked_after, 5)


def looked_after() -> bool:
    """A call that began before the outage (the statistics have a thread) may fail after it: it opens anew."""
    recovery.run_once()
    return breaker.state == "closed"


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
def test_a_read(point: str, failure: str, proxy: FailingRedis, victim: RedisServer, table: Table) -> None:
    break_at(point, failure, proxy, victim, table)
    assert table.read().value.amount == 1
    assert proxy.intercepted.wait(1)
    table.write(2)
    assert table.read().value.amount == 2
    mend(failure, victim)
    assert_in_order(table, victim)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("point", ["read", "acquire", "load", "store"])
def test_a_read_after_which_nobody_writes(
    point: str, failure: str, proxy: FailingRedis, victim: RedisServer, table: Table
) -> None:
    break_at(point, failure, proxy, victim, table)
    started = time.monotonic()
    assert table.read().value.amount == 1
    assert time.monotonic() - started < QUICK
    mend(failure, victim)
    assert_in_order(table, victim)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("point", ["read", "acquire", "load", "store"])
def test_a_read_of_several(point: str, failure: str, proxy: FailingRedis, victim: RedisServer, table: Table) -> None:
    break_at(point, failure, proxy, victim, table)
    assert table.read_several().value.amount == 1
    assert proxy.intercepted.wait(1)
    table.write(2)
    assert table.read_several().value.amount == 2
    mend(failure, victim)
    started = time.monotonic()
    assert table.read_several().value.amount == 2
    assert table.read_several().state == "hit"
    assert time.monotonic() - started < QUICK
    assert_in_order(table, victim)


@pytest.mark.parametrize("failure", FAILURES)
def test_a_read_whose_source_fails_meanwhile(
    failure: str, proxy: FailingRedis, victim: RedisServer, table: Table
) -> None:
    def fail() -> None:
        raise LookupError

    table.during = fail
    break_at("release", failure, proxy, victim, table)
    with pytest.raises(LookupError):
        table.read()
    assert proxy.intercepted.wait(1)
    mend(failure, victim)
    source.failures.clear()  # the source is well again
    assert_in_order(table, victim)


@pytest.mark.parametrize("failure", FAILURES)
def test_a_wait_for_anothers_load(failure: str, proxy: FailingRedis, victim: RedisServer, table: Table) -> None:
    ref = entry_ref(PRICE, A)
    lease = leases.acquire(ref, 10).lease
    assert lease
    break_at("wait", failure, proxy, victim, table)
    with ThreadPoolExecutor(1) as pool:
        waiter = pool.submit(table.read)
        assert proxy.intercepted.wait(5)
        if failure == "answer is lost":
            leases.release(lease)  # the other gives up: the waiter hears of it all the same
        assert waiter.result(QUICK).value.amount == 1
    table.write(2)
    mend(failure, victim)
    late = table.read()  # loaded under a lease of its own
    assert not leases.store(lease, late_entry(late), 60), "a store under a dropped lease was kept"
    if failure == "hangs":
        leases.release(lease)
    assert_in_order(table, victim)


def late_entry(fetched: CachedValue[Price]) -> codec.Entry:
    return codec.Entry(fetched.created, 60, b'{"symbol":"A","amount":"1"}')


@pytest.mark.parametrize("failure", FAILURES)
def test_a_write(failure: str, proxy: FailingRedis, victim: RedisServer, table: Table) -> None:
    assert (table.read().state, table.read().state) == ("miss", "hit")
    break_at("invalidate", failure, proxy, victim, table)
    table.write(2)
    assert proxy.intercepted.wait(1)
    assert table.read().value.amount == 2
    assert PendingInvalidation.objects.count() == (failure != "answer is lost")
    mend(failure, victim)
    assert_in_order(table, victim)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("point", ["invalidate", "scan"])
def test_a_clear_of_a_family(point: str, failure: str, proxy: FailingRedis, victim: RedisServer, table: Table) -> None:
    assert (table.read().state, table.read().state) == ("miss", "hit")
    break_at(point, failure, proxy, victim, table)
    target = clear.target(family="sample_price")
    if failure == "answer is lost":
        assert clear.clear(target, by="test").keys == 2
    else:
        with pytest.raises(StoreUnavailable):
            clear.clear(target, by="test")
    assert proxy.intercepted.wait(1)
    mend(failure, victim)
    if point == "scan" or failure != "hangs":
        table.value = 2  # what the clear has reached is gone, though it could not end
    assert_in_order(table, victim)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("point", ["scan", "invalidate"])
def test_a_clear_by_pattern(point: str, failure: str, proxy: FailingRedis, victim: RedisServer, table: Table) -> None:
    assert (table.read().state, table.read().state) == ("miss", "hit")
    break_at(point, failure, proxy, victim, table)
    target = clear.target(pattern="sample:*")
    if failure == "answer is lost":
        clear.clear(target, by="test")
        table.value = 2
    else:
        with pytest.raises(StoreUnavailable):
            clear.clear(target, by="test")
    mend(failure, victim)
    assert table.read().value.amount in (1, table.value)
    clear.clear(target, by="test")
    table.value = 3
    assert_in_order(table, victim)
