"""What a read answers: a value with its origin and its age."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from systemcache import codec
from systemcache.codec import Entry

T = TypeVar("T")


def now() -> datetime:
    return datetime.now(UTC)


class Fetched(Generic[T]):
    """A value, and where it comes from.

    state: hit, miss, stale (past its TTL, because the source failed), bypass (the cache was not or could not be asked).
    sound_at: the last moment (monotonic seconds) at which it was known to be what a read may show.
    """

    __slots__ = ("_value", "created", "payload", "sound_at", "state", "ttl", "type")

    def __init__(
        self, type_: type[T], entry: Entry, state: str, *, sound_at: float = 0.0, value: T | None = None
    ) -> None:
        self.type = type_
        self.created = entry.created
        self.ttl = entry.ttl
        self.payload = entry.payload
        self.state = state
        self.sound_at = sound_at
        self._value = value

    @property
    def value(self) -> T:
        """The typed value; decoded when first asked for, since most answers only pass the bytes on."""
        if self._value is None:
            self._value = codec.decode(self.payload, self.type)
        return self._value

    @property
    def stale(self) -> bool:
        return self.state == "stale"

    def seconds_old(self) -> float:
        return max(0.0, (now() - self.created).total_seconds())

    def age(self) -> int:
        """Whole seconds since its load began."""
        return int(self.seconds_old())

    def marked(self, state: str) -> "Fetched[T]":
        """The same value under another state."""
        entry = Entry(self.created, self.ttl, self.payload)
        return Fetched(self.type, entry, state, sound_at=self.sound_at, value=self._value)


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
