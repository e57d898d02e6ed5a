"""What a read returns: a value with its cache state and its age."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from systemcache import clock, codec
from systemcache.codec import Entry
from systemcache.families import Family
from systemcache.storage.key_names import EntryRef

T = TypeVar("T")
Families = tuple[Family[Any], ...]


class Content(Generic[T]):
    """The bytes of a value and what was derived from them, shared by all responses with the same bytes."""

    __slots__ = ("bodies", "born", "created", "families", "payload", "ttl", "type", "value")

    def __init__(self, type_: type[T], entry: Entry, value: T | None = None, *, families: Families) -> None:
        self.type = type_
        self.families = families
        self.created = entry.created
        self.born = entry.created.timestamp()
        self.ttl = entry.ttl
        self.payload = entry.payload
        self.value = value
        self.bodies: dict[object, Body] = {}

    def is_of(self, entry: Entry) -> bool:
        """Whether this content was made from the entry's bytes."""
        return self.created == entry.created and self.ttl == entry.ttl and self.payload == entry.payload


class Body:
    """The bytes of a response, and their ETag."""

    __slots__ = ("etag", "whole")

    def __init__(self, whole: bytes) -> None:
        self.whole = whole
        self.etag = f'"{hashlib.blake2b(whole, digest_size=12).hexdigest()}"'


class CachedValue(Generic[T]):
    """A value and its origin.

    state: hit, miss, stale (past its TTL, because the source failed), bypass (the cache was not or could not be used).
    current_at: the last time (monotonic seconds) at which the value was known to be current.
    families: those that it is made of; seeing it takes the permissions of all.
    ref: the key of the cached value; None if it was combined from several.
    """

    __slots__ = ("content", "current_at", "ref", "state")

    def __init__(
        self,
        type_: type[T],
        entry: Entry,
        state: str,
        *,
        families: Families,
        current_at: float = 0.0,
        value: T | None = None,
    ) -> None:
        self.content = Content(type_, entry, value, families=families)
        self.ref: EntryRef | None = None
        self.state = state
        self.current_at = current_at

    @classmethod
    def of(cls, content: Content[T], state: str, current_at: float) -> "CachedValue[T]":
        """A value from content that exists already."""
        value = cls.__new__(cls)
        value.content, value.ref, value.state, value.current_at = content, None, state, current_at
        return value

    @property
    def type(self) -> type[T]:
        return self.content.type

    @property
    def families(self) -> Families:
        return self.content.families

    @property
    def created(self) -> datetime:
        return self.content.created

    @property
    def ttl(self) -> float:
        return self.content.ttl

    @property
    def payload(self) -> bytes:
        return self.content.payload

    @property
    def value(self) -> T:
        """The typed value, decoded on first use, since most responses only send the bytes."""
        if self.content.value is None:
            self.content.value = codec.decode(self.payload, self.type)
        return self.content.value

    @property
    def stale(self) -> bool:
        return self.state == "stale"

    def age_seconds(self) -> float:
        return max(0.0, clock.timestamp() - self.content.born)

    def age(self) -> int:
        """Whole seconds since the value's load began."""
        return int(self.age_seconds())

    def with_state(self, state: str) -> "CachedValue[T]":
        """The same value with another state."""
        return CachedValue.of(self.content, state, self.current_at)


def combine(type_: type[T], value: T, parts: Sequence[CachedValue[Any]]) -> CachedValue[T]:
    """Make a value out of others."""
    entry = oldest_entry(parts, codec.encode(value))
    return CachedValue(type_, entry, state_of(parts), families=families_of(parts), value=value)


def families_of(parts: Sequence[CachedValue[Any]]) -> Families:
    """The families of all parts, each once."""
    return tuple({family.name: family for part in parts for family in part.families}.values())


def oldest_entry(parts: Sequence[CachedValue[Any]], payload: bytes) -> Entry:
    """An entry as old as the oldest of its parts, with the shortest of their TTLs."""
    created = min((part.created for part in parts), default=clock.now())
    return Entry(created, min((part.ttl for part in parts), default=0), payload)


def state_of(parts: Sequence[CachedValue[Any]]) -> str:
    """The worst state of the parts; a hit only if all are hits."""
    states = {part.state for part in parts}
    return next((state for state in ("stale", "bypass", "miss") if state in states), "hit" if parts else "bypass")
