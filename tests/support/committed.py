"""Tests run inside a transaction that never commits; to the cache, what they have prepared is to look committed."""

from typing import Any

from django.db import connections

from systemcache.invalidation.transactions import PendingInvalidationHook


def as_committed() -> None:
    """What was written so far is no longer dirty, and nobody is told of it: use it before anything is cached."""
    for connection in connections.all(initialized_only=True):
        ours = [entry for entry in connection.run_on_commit if isinstance(entry[1], PendingInvalidationHook)]
        for entry in ours:
            work: Any = entry[1]
            work.families = frozenset()
        connection.run_on_commit = ours
