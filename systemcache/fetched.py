"""What a read answers: a value with its origin and its age."""

import hashlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from systemcache import codec
from systemcache.codec import Entry

T = TypeVar("T")


def clock() -> float:
    """Seconds since 1970."""
    return time.time()


def now() -> datetime:
    return datetime.fromtimestamp(clock(), UTC)


class Content(Generic[T]):
    """The bytes of a value, and what has been made of them: shared by all answers that show the same bytes."""

    __slots__ = ("bodies", "born", "created", "payload", "ttl", "type", "value")

    def __init__(self, type_: type[T], entry: Entry, value: T | None = None) -> None:
        self.type = type_
        self.created = entry.created
        self.born = entry.created.timestamp()
        self.ttl = entry.ttl
        self.payload = entry.payload
        self.value = value
        self.bodies: dict[object, Body] = {}

    def is_of(self, entry: Entry) -> bool:
        """Whether these are the entry's bytes."""
        return self.created == entry.created and self.ttl == entry.ttl and self.payload == entry.payload


class Body:
    """The bytes of a response, and their ETag."""

    __slots__ = ("etag", "whole")

    def __init__(self, whole: bytes) -> None:
        self.whole = whole
        self.etag = f'"{hashlib.blake2b(whole, digest_size=12).hexdigest()}"'


class Fetched(Generic[T]):
    """A value, and where it comes from.

    state: hit, miss, stale (past its TTL, because the source failed), bypass (the cache was not or could not be asked).
    sound_at: the last moment (monotonic seconds) at which it was known to be what a read may show.
    place: family and spot, of a value that is one cached value and not made of several.
    """

    __slots__ = ("content", "place", "sound_at", "state")

    def __init__(
        self, type_: type[T], entry: Entry, state: str, *, sound_at: float = 0.0, value: T | None = None
    ) -> None:
        self.content = Content(type_, entry, value)
        self.place: Any = None
        self.state = state
        self.sound_at = sound_at

    @classmethod
    def of(cls, content: Content[T], state: str, sound_at: float) -> "Fetched[T]":
        """An answer with bytes that have been read before."""
        fetched = cls.__new__(cls)
        fetched.content, fetched.place, fetched.state, fetched.sound_at = content, None, state, sound_at
        return fetched

    @property
    def type(self) -> type[T]:
        return self.content.type

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
        """The typed value; decoded when first asked for, since most answers only pass the bytes on."""
        if self.content.value is None:
            self.content.value = codec.decode(self.payload, self.type)
        return self.content.value

    @property
    def stale(self) -> bool:
        return self.state == "stale"

    def seconds_old(self) -> float:
        return max(0.0, clock() - self.content.born)

    def age(self) -> int:
        """Whole seconds since its load began."""
        return int(self.seconds_old())

    def marked(self, state: str) -> "Fetched[T]":
        """The same value under another state."""
        return Fetched.of(self.content, state, self.sound_at)


def combined(type_: type[T], value: T, parts: Sequence[Fetched[Any]]) -> Fetched[T]:
    """A value made of others."""
    return Fetched(type_, origin(parts, codec.encode(value)), state_of(parts), value=value)


def origin(parts: Sequence[Fetched[Any]], payload: bytes) -> Entry:
    """What is made of several values is as old as the oldest, and as long fresh as the first to end."""
    created = min((part.created for part in parts), default=now())
    return Entry(created, min((part.ttl for part in parts), default=0), payload)


def state_of(parts: Sequence[Fetched[Any]]) -> str:
    """The worst of them; a hit only if all are."""
    states = {part.state for part in parts}
    return next((state for state in ("stale", "bypass", "miss") if state in states), "hit" if parts else "bypass")
