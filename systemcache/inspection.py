"""What stands in Redis for a key, to be looked at: nothing here counts as a read. Raises StoreUnavailable."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from systemcache import codec, families, keys
from systemcache.codec import Entry
from systemcache.errors import InvalidKeyPart
from systemcache.families import Family
from systemcache.fetched import now
from systemcache.store import Client, Spot, full_key, generation_keys, guarded, old_key

HEAD = 1_024  # bytes; more than an entry's first line takes
ANSWERS = 7  # of Redis for one key: three for its value, three for its old value, the generations
LONGEST = 4 * 1024 * 1024  # bytes of an entry that are fetched to be shown

FRESH = "fresh"
STALE = "stale"  # past its TTL: shown when the source fails
DROPPED = "dropped"  # cleared or replaced by a write, and not served any more; its memory is freed at its end
UNDECODABLE = "undecodable"
GONE = "gone"
OTHER = "other"  # of no family of ours


@dataclass(frozen=True, slots=True)
class Copy:
    """One entry in Redis. `life` is what remains of it in seconds, `size` its memory in bytes."""

    head: Entry | None
    life: float
    size: int
    state: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A key with its value and its old value, which takes over when the first has ended."""

    key: str
    family: Family[Any] | None
    tags: tuple[str, ...]
    value: Copy | None
    old: Copy | None

    @property
    def shown(self) -> Copy | None:
        return self.value or self.old

    @property
    def state(self) -> str:
        return self.shown.state if self.shown else GONE

    @property
    def size(self) -> int:
        return sum(copy.size for copy in (self.value, self.old) if copy)

    @property
    def created(self) -> datetime | None:
        return self.shown.head.created if self.shown and self.shown.head else None


def tags_of(family: Family[Any] | None, key: str) -> tuple[str, ...]:
    """None for a key that no read of the family could have made."""
    params = keys.parse(family.template, key) if family else None
    if family is None or params is None:
        return ()
    try:
        keys.build(family.template, params)
        return tuple(dict.fromkeys((family.name, *(keys.build_part_of(tag, params) for tag in family.tags))))
    except InvalidKeyPart:
        return ()


@guarded
def look(redis: Client, names: Sequence[str]) -> list[Stored]:
    """What stands under some keys, in one round trip; of the values their first lines only."""
    spots = [_spot(name) for name in names]
    pipeline = redis.pipeline(transaction=False)
    for _, spot in spots:
        for place in (full_key(spot.key), old_key(spot.key)):
            pipeline.getrange(place, 0, HEAD - 1)
            pipeline.pttl(place)
            pipeline.memory_usage(place)
        pipeline.mget(generation_keys(spot))
    answers = iter(pipeline.execute(raise_on_error=False))
    return [_stored(family, spot, [next(answers) for _ in range(ANSWERS)]) for family, spot in spots]


def _spot(key: str) -> tuple[Family[Any] | None, Spot]:
    family = families.of_key(key)
    return family, Spot(key, tags_of(family, key))


def _stored(family: Family[Any] | None, spot: Spot, answers: Sequence[Any]) -> Stored:
    *copies, words = answers
    generations = b",".join(words) if spot.tags and None not in words else None
    value, old = (_copy(family, generations, *copies[at : at + 3]) for at in (0, 3))
    return Stored(spot.key, family, spot.tags, value, old)


def _copy(family: Family[Any] | None, generations: bytes | None, head: Any, life: int, size: int | None) -> Copy | None:
    if size is None:
        return None
    entry = _head(head)
    return Copy(entry, max(0.0, life / 1000), size, _state(family, generations, entry))


def _head(data: Any) -> Entry | None:
    """None for what is no entry: also the error with which Redis answers for a key of another kind."""
    try:
        return codec.unpack_head(data) if isinstance(data, bytes) else None
    except codec.Undecodable:
        return None


def _state(family: Family[Any] | None, generations: bytes | None, entry: Entry | None) -> str:
    if family is None:
        return OTHER
    if entry is None:
        return UNDECODABLE
    if entry.generations != generations:
        return DROPPED
    return FRESH if (now() - entry.created).total_seconds() < entry.ttl else STALE


@dataclass(frozen=True, slots=True)
class Shown:
    """A value for people: its JSON, indented; `rest` says how many characters were left out."""

    text: str
    rest: int
    problem: str = ""


def value_of(stored: Stored, most: int) -> Shown:
    """The value as far as `most` characters. A secret family's, or of no family, stays in Redis."""
    if not stored.shown or not stored.family or stored.family.secret:
        return Shown("", 0)
    if stored.shown.size > LONGEST:
        return Shown("", 0, f"It takes more than {LONGEST // 1024**2} MB and is not fetched.")
    try:
        entry = codec.unpack(_bytes(stored.key, bool(stored.value)))
        codec.decode(entry.payload, stored.family.type)
        text = msgspec.json.format(entry.payload, indent=2).decode()
    except codec.Undecodable as error:
        return Shown("", 0, str(error))
    return Shown(text[:most], max(0, len(text) - most))


@guarded
def _bytes(redis: Client, key: str, current: bool) -> bytes:
    """Empty when it has gone meanwhile, or is of another kind."""
    pipeline = redis.pipeline(transaction=False)
    pipeline.get(full_key(key) if current else old_key(key))
    (found,) = pipeline.execute(raise_on_error=False)
    return found if isinstance(found, bytes) else b""
