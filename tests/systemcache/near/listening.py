"""A listener that runs beside a test, as each process of the site has one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from systemcache import clock, conf
from systemcache.errors import StoreUnavailable
from systemcache.local import listener, near_cache
from tests.support.waiting import PATIENCE, eventually


def hears() -> bool:
    return clock.boottime() - near_cache.copies.confirmed_until < conf.near_trust()


@contextmanager
def listening() -> Iterator[threading.Thread]:
    """Listen on one connection: the thread ends when that is lost, or with the block."""
    over = threading.Event()

    def listen() -> None:
        with suppress(StoreUnavailable):
            listener.listen(lambda: not over.is_set())

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        eventually(hears)
        yield thread
    finally:
        over.set()
        thread.join(PATIENCE)
