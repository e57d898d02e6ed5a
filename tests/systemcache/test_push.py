"""Values that a source sends by itself are stored under the rules that loads obey."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from pytest_django.fixtures import Settings
from redis import Redis

from systemcache import clock, codec, families
from systemcache.families import Family
from systemcache.fetching.fetch import fetch, peek
from systemcache.fetching.push import Outcome, Publisher
from systemcache.fetching.read import entry_ref
from systemcache.invalidation import clear
from systemcache.storage import leases, pushes
from systemcache.storage.leader_lock import LeaderLock
from tests.support.waiting import eventually

PUSHED = Family("sample_pushed", "sample:pushed:{which}", int, pushed=True)


@pytest.fixture(autouse=True)
def pushed_family(settings: Settings, redis: Redis) -> Iterator[None]:
    settings.CACHE_TTLS = {**settings.CACHE_TTLS, PUSHED.name: 30}
    families.register(PUSHED)
    yield
    families.unregister(PUSHED)


@pytest.fixture
def lock() -> LeaderLock:
    held = LeaderLock("pushing", 60)
    assert held.acquire()
    return held


@pytest.fixture
def publisher(lock: LeaderLock) -> Publisher:
    """One that knows the generations."""
    new = Publisher(PUSHED, lock)
    assert push(new, a=0) is Outcome.INVALIDATED
    return new


def push(publisher: Publisher, **values: int) -> Outcome:
    return publisher.push([({"which": which}, codec.encode(value)) for which, value in values.items()], clock.now())


def stored(which: str = "a") -> int | None:
    value = peek(PUSHED, {"which": which})
    return value.value if value else None


def never_called() -> int:
    pytest.fail("the source was called")


def test_what_is_pushed_is_a_hit(publisher: Publisher) -> None:
    assert push(publisher, a=1, b=2) is Outcome.STORED
    assert [fetch(PUSHED, {"which": which}, never_called).value for which in "ab"] == [1, 2]
    assert fetch(PUSHED, {"which": "a"}, never_called).state == "hit"


def test_the_first_push_only_learns_what_counts_as_invalidated(lock: LeaderLock) -> None:
    publisher = Publisher(PUSHED, lock)
    assert push(publisher, a=1) is Outcome.INVALIDATED
    assert stored() is None
    assert push(publisher, a=1) is Outcome.STORED


def test_a_push_never_undoes_an_invalidation(publisher: Publisher) -> None:
    push(publisher, a=1)
    clear.invalidate(PUSHED.name)
    assert push(publisher, a=1) is Outcome.INVALIDATED  # it was looked at before
    assert stored() is None
    assert push(publisher, a=2) is Outcome.STORED
    assert stored() == 2


@pytest.mark.django_db
def test_after_a_clear_by_pattern_the_next_look_is_pushed(publisher: Publisher) -> None:
    push(publisher, a=1)
    clear.clear(clear.target(pattern="sample:*"), by="somebody", dry_run=False)
    assert push(publisher, a=1) is Outcome.INVALIDATED
    assert push(publisher, a=1) is Outcome.STORED


def test_a_load_that_began_before_is_not_stored_over_it(publisher: Publisher) -> None:
    def load() -> int:
        push(publisher, a=2)
        return 1

    assert fetch(PUSHED, {"which": "a"}, load).value == 1
    assert stored() == 2


def test_a_caller_that_waits_for_a_load_is_answered_by_the_push(publisher: Publisher) -> None:
    """The holder of the lease is another process, whose load outlives the push."""
    lease = leases.acquire(entry_ref(PUSHED, {"which": "a"}), PUSHED.load_timeout).lease
    assert lease
    answers: list[int] = []
    waiter = threading.Thread(target=lambda: answers.append(fetch(PUSHED, {"which": "a"}, never_called).value))
    waiter.start()
    eventually(lambda: push(publisher, a=2) is Outcome.STORED and not waiter.is_alive())
    assert answers == [2]
    assert not leases.store(lease, codec.Entry(clock.now(), 30, b"1"))


def test_a_former_leader_stores_nothing(publisher: Publisher, lock: LeaderLock) -> None:
    push(publisher, a=1)
    lock.release()
    other = LeaderLock("pushing", 60)
    assert other.acquire()
    assert push(publisher, a=2) is Outcome.NOT_LEADING
    publisher.withdraw([{"which": "a"}])
    pushes.set_status(lock, b"late", 60)
    assert stored() == 1
    assert pushes.status("pushing") is None


def test_a_withdrawn_value_is_gone_at_once(publisher: Publisher) -> None:
    push(publisher, a=1, b=2)
    publisher.withdraw([{"which": "a"}])
    assert (stored("a"), stored("b")) == (None, 2)


def test_it_is_as_old_as_the_look_at_it(publisher: Publisher) -> None:
    publisher.push([({"which": "a"}, b"1")], clock.now() - timedelta(seconds=29))
    assert fetch(PUSHED, {"which": "a"}, never_called).age() == 29
    publisher.push([({"which": "a"}, b"1")], clock.now() - timedelta(seconds=31))
    assert stored() is None


def test_many_values_are_pushed_in_one_go(publisher: Publisher, redis: Redis) -> None:
    assert push(publisher, **{f"v{number}": number for number in range(1000)}) is Outcome.STORED
    assert stored("v999") == 999
    assert all(redis.pttl(name) > 0 for name in redis.scan_iter("*sample:pushed*"))


def test_the_leaders_status_can_be_read_by_all(lock: LeaderLock) -> None:
    pushes.set_status(lock, b"well", 60)
    assert pushes.status("pushing") == b"well"


def test_a_family_has_to_declare_that_it_is_pushed(lock: LeaderLock) -> None:
    with pytest.raises(ValueError, match="not declared"):
        Publisher(Family("sample_other", "sample:other", int), lock)


def test_no_read_after_an_invalidation_shows_what_was_looked_at_before_it(publisher: Publisher) -> None:
    """While pushes go on without a pause: each shows the source as it was when the pusher looked."""
    source, ends = [0], threading.Event()

    def push_on() -> None:
        while not ends.is_set():
            push(publisher, a=source[0])

    pusher = threading.Thread(target=push_on)
    pusher.start()
    try:
        for number in range(1, 301):
            source[0] = number
            clear.invalidate(PUSHED.name)
            value = stored()
            assert value is None or value >= number
            eventually(lambda: stored() is not None)
    finally:
        ends.set()
        pusher.join()
    assert stored() is not None
