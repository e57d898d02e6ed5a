"""Pushing: values that a source sends by itself are stored under the rules of the cache's protocol (storage/pushes.py).

publisher = Publisher(QUOTES, lock)
while True:
    publisher.push([(params, payload), ...], looked_at)
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from systemcache.codec import Entry
from systemcache.families import Family
from systemcache.fetching.read import entry_ref
from systemcache.keys import Params
from systemcache.storage import pushes
from systemcache.storage.leader_lock import LeaderLock
from systemcache.storage.pushes import Outcome

__all__ = ["Outcome", "Publisher"]


class Publisher:
    """Pushes the values of one family, all of which carry the same tags, as the leader of a work. Not thread-safe."""

    def __init__(self, family: Family[Any], lock: LeaderLock) -> None:
        if not family.pushed or family.secret or any("{" in tag for tag in family.tags):
            raise ValueError(f"{family.name} is not declared as a family that is pushed.")
        self.family = family
        self._lock = lock
        self._tags = (family.name, *family.tags)
        self._generations = b""

    def push(self, values: Sequence[tuple[Params, bytes]], looked_at: datetime) -> Outcome:
        """Store values as they were known at `looked_at`; each is fresh for the family's TTL from then on.

        INVALIDATED: nothing, or not all, was stored, because something was invalidated since the push before (the first
        push always learns that). What is pushed next must have been looked at after this call. Raises StoreUnavailable.
        """
        entries = [
            (entry_ref(self.family, params), Entry(looked_at, self.family.ttl, payload)) for params, payload in values
        ]
        pushed = pushes.push(self._lock, self._tags, self._generations, entries)
        if pushed.outcome is not Outcome.NOT_LEADING:
            self._generations = pushed.generations
        return pushed.outcome

    def withdraw(self, params_list: Sequence[Params]) -> None:
        """Remove values that are not known to be true any more. Raises StoreUnavailable."""
        if params_list:
            pushes.withdraw(self._lock, [entry_ref(self.family, params) for params in params_list])
