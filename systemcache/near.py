"""Copies in this process of what Redis holds.

Two things are made of them. Bytes that were read and decoded before are not decoded again: of any family, after they
came from Redis once more. And families that are declared `near` are answered without asking Redis at all, as long as
this process is sure to have heard of everything that was dropped until a moment ago (listener.py keeps `heard_until`).

A copy is good while its tags' counts are those of the moment before Redis was asked for it: what was dropped while the
answer was under way leaves no copy behind. A dropped key takes its copy, or the place held for one, away.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from cachetools import LRUCache

from systemcache.fetched import Content
from systemcache.store import Spot

# Seconds for which this process may not have heard of what others have dropped. Revoking a token takes effect
# everywhere within it, whatever happens to the listener's connection.
TRUST = 0.08
MOST_BYTES = 64 * 1024 * 1024
OVERHEAD = 600  # bytes of a copy besides its payload
SHARE = 4  # bytes that a copy takes for each of its payload: decoded, and as a response's body


class Copy(NamedTuple):
    """`content` None: a place held while Redis is asked."""

    content: Content[Any] | None
    tags: tuple[str, ...]
    counts: tuple[int, ...]


class Ticket(NamedTuple):
    """What is to be true still when the answer has come."""

    spot: Spot
    place: Copy


def _size(copy: Copy) -> int:
    return OVERHEAD + (SHARE * len(copy.content.payload) if copy.content else 0)


class Copies:
    """Thread-safe. `clock` counts seconds and never runs backwards; `most` bounds the bytes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = MOST_BYTES) -> None:
        self._clock = clock
        self._most = most
        self._lock = threading.Lock()
        self._copies: LRUCache[str, Copy] = LRUCache(most, getsizeof=_size)
        self._drops: dict[str, int] = {}  # by tag
        self._flushes = 0
        self.heard_until = float("-inf")

    def get(self, key: str) -> Content[Any] | None:
        """For near families: a copy that may be shown without asking Redis."""
        if self._clock() - self.heard_until > TRUST:
            return None
        with self._lock:
            copy = self._copies.get(key)
            return copy.content if copy and copy.counts == self._counts(copy.tags) else None

    def seen(self, key: str) -> Content[Any] | None:
        """What these bytes were when they last came from Redis; whether they still are, Redis has to say."""
        with self._lock:
            copy = self._copies.get(key)
            return copy.content if copy else None

    def open(self, spot: Spot) -> Ticket:
        """Before Redis is asked for a spot."""
        with self._lock:
            copy = self._copies.get(spot.key)
            counts = self._counts(spot.tags)
            if copy is None or copy.counts != counts:
                copy = self._copies[spot.key] = Copy(None, spot.tags, counts)
            return Ticket(spot, copy)

    def fill(self, ticket: Ticket, content: Content[Any]) -> None:
        """With what Redis has answered, if nothing of it was dropped meanwhile."""
        key, place = ticket.spot.key, ticket.place
        if place.content is content:
            return  # the same bytes once more
        filled = place._replace(content=content)
        with self._lock:
            if self._copies.get(key) is place and _size(filled) <= self._most:
                self._copies[key] = filled

    def drop_tags(self, tags: Iterable[str]) -> None:
        with self._lock:
            for tag in tags:
                self._drops[tag] = self._drops.get(tag, 0) + 1

    def drop_keys(self, keys: Iterable[str]) -> None:
        with self._lock:
            for key in keys:
                self._copies.pop(key, None)

    def flush(self) -> None:
        """Forgets everything: nobody knows what was dropped."""
        with self._lock:
            self._flushes += 1
            self._copies.clear()
            self._drops.clear()

    def size(self) -> tuple[int, int]:
        """How many copies there are, and their bytes, about."""
        with self._lock:
            return len(self._copies), int(self._copies.currsize)

    def _counts(self, tags: tuple[str, ...]) -> tuple[int, ...]:
        return (self._flushes, *[self._drops.get(tag, 0) for tag in tags])


copies = Copies()


def drop(tags: Iterable[str]) -> None:
    """What this process itself drops is gone here at once."""
    copies.drop_tags(tags)


def _forget_parent() -> None:
    """A forked child has no listener yet, and a lock that nobody holds."""
    global copies
    copies = Copies()


os.register_at_fork(after_in_child=_forget_parent)
