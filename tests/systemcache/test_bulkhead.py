"""A bulkhead: so much at once, so much that waits, and neither all of it one owner's."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from systemcache.rate_limit.bulkhead import Bulkhead, BulkheadFull
from tests.support.waiting import eventually


class Crowd:
    """Owners whose work takes until it is told to end."""

    def __init__(self, pool: ThreadPoolExecutor, bulkhead: Bulkhead) -> None:
        self._pool, self._bulkhead = pool, bulkhead
        self._lock = threading.Lock()
        self.running: list[str] = []
        self.ends: dict[str, threading.Event] = {}

    def send(self, owner: str, number: int) -> Future[None]:
        self.ends[f"{owner}{number}"] = threading.Event()
        return self._pool.submit(self._work, owner, f"{owner}{number}")

    def _work(self, owner: str, name: str) -> None:
        with self._bulkhead.enter(owner):
            with self._lock:
                self.running.append(name)
            assert self.ends[name].wait(60)
            with self._lock:
                self.running.remove(name)

    def refused(self, future: Future[None]) -> bool:
        eventually(future.done)
        return isinstance(future.exception(), BulkheadFull)


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    bulkhead = Bulkhead(running=2, running_of_one=1, waiting=3, waiting_of_one=2, longest_wait=60)
    with ThreadPoolExecutor(20) as pool:
        found = Crowd(pool, bulkhead)
        yield found
        for end in found.ends.values():
            end.set()


def test_one_owner_takes_one_place_and_a_part_of_the_queue(crowd: Crowd) -> None:
    crowd.send("ann", 0)
    eventually(lambda: crowd.running == ["ann0"])
    sent = [crowd.send("ann", number) for number in range(1, 6)]
    eventually(lambda: sum(future.done() for future in sent) == 3)  # two of them wait
    assert all(crowd.refused(future) for future in sent if future.done())
    crowd.send("bob", 0)
    eventually(lambda: crowd.running == ["ann0", "bob0"])


def test_what_waits_goes_on_when_a_place_is_free(crowd: Crowd) -> None:
    crowd.send("ann", 0)
    eventually(lambda: crowd.running == ["ann0"])
    crowd.send("ann", 1)
    crowd.ends["ann0"].set()
    eventually(lambda: crowd.running == ["ann1"])


def test_a_full_queue_refuses_everybody_at_once(crowd: Crowd) -> None:
    for owner in ("ann", "bob"):
        crowd.send(owner, 0)
    eventually(lambda: len(crowd.running) == 2)
    waiting = [crowd.send(owner, 0) for owner in ("cid", "dan", "eve", "fay")]
    eventually(lambda: sum(future.done() for future in waiting) == 1)


def test_a_wait_ends_after_its_time() -> None:
    bulkhead = Bulkhead(running=1, running_of_one=1, waiting=1, waiting_of_one=1, longest_wait=0.01)
    with bulkhead.enter("ann"), pytest.raises(BulkheadFull), bulkhead.enter("bob"):
        pass
    with bulkhead.enter("bob"):  # nothing of the wait is left behind
        pass


def test_work_that_fails_gives_its_place_back() -> None:
    bulkhead = Bulkhead(running=1, running_of_one=1, waiting=0, waiting_of_one=0, longest_wait=1)
    with pytest.raises(ZeroDivisionError), bulkhead.enter("ann"):
        raise ZeroDivisionError
    with bulkhead.enter("ann"):
        pass
