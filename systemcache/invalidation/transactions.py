"""Uncommitted writes: which families the open transactions of this thread have written to.

Django keeps the work for after a commit on the connection (`connection.run_on_commit`), and forgets it together with a
savepoint that is rolled back. So that list also shows which writes are not committed yet.
"""

import threading
from collections.abc import Callable
from typing import Any

from django.db import connections

from systemcache.families import Family

_thread = threading.local()  # `wrote`: the thread has such work, or had some


class PendingInvalidationHook:
    """Runs after the commit of a write; knows the families that the write touches."""

    __slots__ = ("families", "work")

    def __init__(self, families: frozenset[str], work: Callable[[], None]) -> None:
        self.families = families
        self.work = work
        _thread.wrote = True

    def __call__(self) -> None:
        self.families = frozenset()  # committed: nothing is uncommitted any more
        self.work()


def has_uncommitted_writes(family: Family[Any]) -> bool:
    """Whether a transaction of this thread has written something that the family shows, and not committed it yet."""
    if not family.strict or not getattr(_thread, "wrote", False):
        return False
    pending = [
        entry[1]
        for connection in connections.all(initialized_only=True)
        for entry in connection.run_on_commit
        if isinstance(entry[1], PendingInvalidationHook)
    ]
    _thread.wrote = bool(pending)
    return any(family.name in hook.families for hook in pending)
