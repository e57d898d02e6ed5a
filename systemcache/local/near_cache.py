"""The near cache: this process's copies of values in Redis.

It serves two purposes. Bytes that come from Redis again are recognized, of any family, so that they are not decoded
again. And families that are declared `near` are answered without asking Redis at all, as long as this process is sure
to have received every invalidation until a moment ago (listener.py keeps `confirmed_until`).

A copy is valid while the counts of its tags are those of the moment before Redis was asked for it: what was invalidated
while the reply was under way leaves no copy behind. A changed key takes its copy, or the reservation for one, away.
"""

import threading
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from cachetools import LRUCache

from systemcache import clock, conf, process_state
from systemcache.cached_value import Content
from systemcache.storage.key_names import EntryRef

MAX_BYTES = 64 * 1024 * 1024
COPY_OVERHEAD = 600  # bytes of a copy besides its payload
COPY_FACTOR = 4  # bytes that a copy takes for each byte of its payload: decoded, and as a response's body


class Copy(NamedTuple):
    """`content` None: reserved while Redis is asked."""

    content: Content[Any] | None
    tags: tuple[str, ...]
    counts: tuple[int, ...]


class Reservation(NamedTuple):
    """What must still be true when Redis has answered."""

    ref: EntryRef
    copy: Copy


def _size(copy: Copy) -> int:
    return COPY_OVERHEAD + (COPY_FACTOR * len(copy.content.payload) if copy.content else 0)


class NearCache:
    """Thread-safe. `clock` counts seconds, never runs backwards, and goes on while the machine is suspended.

    `max_bytes` bounds the copies.
    """

    def __init__(self, clock: Callable[[], float] = clock.boottime, max_bytes: int = MAX_BYTES) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self.reset()

    def reset(self) -> None:
        self._lock = threading.Lock()
        self._copies: LRUCache[str, Copy] = LRUCache(self._max_bytes, getsizeof=_size)
        self._invalidations: dict[str, int] = {}  # by tag
        self._clears = 0
        self.confirmed_until = float("-inf")
        self.off = ""  # why no copy is ever used, in words for log, health and page; empty while copies are used

    def get(self, key: str) -> Content[Any] | None:
        """A copy that may be shown without asking Redis, for near families."""
        # Revoking a token takes effect everywhere within this time, whatever happens to the listener's connection.
        if self._clock() - self.confirmed_until > conf.near_trust():
            return None
        with self._lock:
            copy = self._copies.get(key)
            return copy.content if copy and copy.counts == self._counts(copy.tags) else None

    def get_many(self, keys: Iterable[str]) -> list[tuple[str, Content[Any]]]:
        """The same for several keys: those of which there is such a copy."""
        if self._clock() - self.confirmed_until > conf.near_trust():
            return []
        with self._lock:
            copies = [(key, self._copies.get(key)) for key in keys]
            return [
                (key, copy.content)
                for key, copy in copies
                if copy and copy.content and copy.counts == self._counts(copy.tags)
            ]

    def peek(self, key: str) -> Content[Any] | None:
        """What Redis held when it was last asked; only Redis knows whether it still does."""
        with self._lock:
            copy = self._copies.get(key)
            return copy.content if copy else None

    def reserve(self, ref: EntryRef) -> Reservation:
        """To be called before Redis is asked."""
        with self._lock:
            copy = self._copies.get(ref.key)
            counts = self._counts(ref.tags)
            if copy is None or copy.counts != counts:
                copy = self._copies[ref.key] = Copy(None, ref.tags, counts)
            return Reservation(ref, copy)

    def fill(self, reservation: Reservation, content: Content[Any]) -> None:
        """Keep what Redis has answered, unless it was invalidated meanwhile."""
        key, reserved = reservation.ref.key, reservation.copy
        if reserved.content is content:
            return  # the same bytes again
        filled = reserved._replace(content=content)
        with self._lock:
            if self._copies.get(key) is reserved and _size(filled) <= self._max_bytes:
                self._copies[key] = filled

    def invalidate_tags(self, tags: Iterable[str]) -> None:
        with self._lock:
            for tag in tags:
                self._invalidations[tag] = self._invalidations.get(tag, 0) + 1

    def remove_keys(self, keys: Iterable[str]) -> None:
        with self._lock:
            for key in keys:
                self._copies.pop(key, None)

    def clear(self) -> None:
        """Remove everything, because what was invalidated is not known."""
        with self._lock:
            self._clears += 1
            self._copies.clear()
            self._invalidations.clear()

    def size(self) -> tuple[int, int]:
        """How many copies there are, and their bytes, approximately."""
        with self._lock:
            return len(self._copies), int(self._copies.currsize)

    def _counts(self, tags: tuple[str, ...]) -> tuple[int, ...]:
        return (self._clears, *[self._invalidations.get(tag, 0) for tag in tags])


copies = process_state.register(NearCache())
