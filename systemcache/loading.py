"""So many loads at once in a process, and no more: threads are left that answer hits while sources take their time."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from systemcache import conf
from systemcache.errors import TooManyLoads

_lock = threading.Lock()
_under_way = {"loads": 0}
_inside: ContextVar[bool] = ContextVar("inside", default=False)


@contextmanager
def place() -> Iterator[None]:
    """For a load. Raises TooManyLoads; a load inside a load takes no further place."""
    if _inside.get():
        yield
        return
    with _lock:
        if _under_way["loads"] >= conf.loads():
            raise TooManyLoads
        _under_way["loads"] += 1
    token = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(token)
        with _lock:
            _under_way["loads"] -= 1


def _forget_parent() -> None:
    global _lock
    _lock = threading.Lock()
    _under_way["loads"] = 0


os.register_at_fork(after_in_child=_forget_parent)
