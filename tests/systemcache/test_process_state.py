"""What a process remembers is reset in one place: after a fork, whatever was under way in the parent."""

import os
import threading
from decimal import Decimal

import pytest

from systemcache import process_state
from systemcache.fetching.fetch import fetch
from systemcache.local.ttl_dict import TTLDict
from systemcache.storage.breaker import breaker
from tests.systemcache.samples import PRICE, Price

pytestmark = pytest.mark.usefixtures("redis_store")


def test_a_reset_forgets_what_was_registered() -> None:
    failures: TTLDict[str] = process_state.register(TTLDict())
    failures.set("a", "down", 60)
    process_state.reset()
    assert failures.get("a") is None


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_loads_for_itself_what_its_parent_was_loading() -> None:
    """No thread of the child will ever finish the parent's load, so the child must not wait for it."""
    breaker.failed()  # without Redis there is no lease that the child would rightly wait for
    loading, finish = threading.Event(), threading.Event()

    def slow() -> Price:
        loading.set()
        finish.wait(30)
        return Price("A", Decimal(1))

    parent = threading.Thread(target=fetch, args=(PRICE, {"symbol": "A"}, slow))
    parent.start()
    assert loading.wait(10)
    child = os.fork()
    if not child:
        values: list[Decimal] = []
        reader = threading.Thread(
            target=lambda: values.append(fetch(PRICE, {"symbol": "A"}, lambda: Price("A", Decimal(2))).value.amount)
        )
        reader.start()
        reader.join(10)
        os._exit(0 if values == [2] else 1)
    try:
        _, status = os.waitpid(child, 0)
    finally:
        finish.set()
        parent.join(30)
    assert os.waitstatus_to_exitcode(status) == 0
