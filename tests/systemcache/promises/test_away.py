"""Redis away: what a process holds meanwhile is not what a write has replaced."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pytest_django.fixtures import Settings

from systemcache.fetching.fetch import fetch
from systemcache.local import degraded
from systemcache.storage.breaker import Breaker
from tests.systemcache.promises.numbers import NUMBER

A = {"name": "a"}


@pytest.fixture(autouse=True)
def _holding(settings: Settings) -> None:
    settings.CACHE_DEGRADED_HOLD = 30.0


def test_a_process_holds_what_it_loaded_for_a_moment() -> None:
    assert fetch(NUMBER, A, lambda: 0).value == 0
    assert fetch(NUMBER, A, lambda: 1).value == 0
    degraded.discard()
    assert fetch(NUMBER, A, lambda: 1).value == 1


def test_who_comes_during_a_load_shares_it() -> None:
    loading, may_end = threading.Event(), threading.Event()

    def load() -> int:
        loading.set()
        may_end.wait(30)
        return 0

    with ThreadPoolExecutor(2) as pool:
        early = pool.submit(fetch, NUMBER, A, load)
        loading.wait(30)
        late = pool.submit(fetch, NUMBER, A, lambda: 1)
        time.sleep(0.2)  # for the second to come
        may_end.set()
        assert (early.result().value, late.result().value) == (0, 0)


def test_a_load_during_which_something_is_invalidated_is_not_kept_in_the_process() -> None:
    loading, dropped = threading.Event(), threading.Event()

    def load() -> int:
        loading.set()
        dropped.wait(30)
        return 0

    early = threading.Thread(target=fetch, args=(NUMBER, A, load))
    early.start()
    loading.wait(30)
    degraded.discard()  # as invalidation.drop does, after an order was placed
    dropped.set()
    early.join()
    assert fetch(NUMBER, A, lambda: 1).value == 1


def test_a_drop_that_was_not_carried_out_keeps_a_probe_from_trusting_redis() -> None:
    switch = Breaker(pause=lambda: 0)
    switch.failed()

    def put_in_order() -> bool:
        assert switch.refuse_invalidation()  # a write commits after the probe has looked for what is pending
        return True

    switch.probe(put_in_order)
    assert switch.state == "open"
