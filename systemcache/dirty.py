"""What the transactions under way have written, as far as the cache is concerned.

Django keeps what is to be done after a commit on the connection, and forgets it with a savepoint that is rolled back:
the same list says what is dirty.
"""

import threading
from collections.abc import Callable
from typing import Any

from django.db import connections

from systemcache.families import Family

_thread = threading.local()  # `wrote`: it has such work, or had some


class AfterCommit:
    """Work for after the commit of a write, and the families that the write touches."""

    __slots__ = ("families", "work")

    def __init__(self, families: frozenset[str], work: Callable[[], None]) -> None:
        self.families = families
        self.work = work
        _thread.wrote = True

    def __call__(self) -> None:
        self.families = frozenset()  # committed: nothing is dirty any more
        self.work()


def touches(family: Family[Any]) -> bool:
    """Whether a transaction of this thread has written something that the family shows, and not committed it."""
    if not family.strict or not getattr(_thread, "wrote", False):
        return False
    pending = [
        entry[1]
        for connection in connections.all(initialized_only=True)
        for entry in connection.run_on_commit
        if isinstance(entry[1], AfterCommit)
    ]
    _thread.wrote = bool(pending)
    return any(family.name in work.families for work in pending)
