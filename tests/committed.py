"""Tests run inside a transaction that never commits; to the cache, what they have prepared is to look committed."""

from django.db import connections

from systemcache.dirty import AfterCommit


def as_committed() -> None:
    """What was written so far is no longer dirty. Nothing is dropped: use it before anything is cached."""
    for connection in connections.all(initialized_only=True):
        for entry in connection.run_on_commit:
            work = entry[1]
            if isinstance(work, AfterCommit):
                work.families = frozenset()
