"""What Redis holds under a key, for operators. Inspecting does not count as a read. Raises StoreUnavailable."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import msgspec

from systemcache import clock, codec, families, keys
from systemcache.codec import Entry
from systemcache.errors import InvalidKeyPart
from systemcache.families import Family
from systemcache.storage import entries
from systemcache.storage.key_names import EntryRef

HEAD_BYTES = 1_024  # more than an entry's header line takes
MAX_ENTRY_BYTES = 4 * 1024 * 1024  # larger entries are not fetched

FRESH = "fresh"
STALE = "stale"  # past its TTL: served only if the source fails
INVALIDATED = "invalidated"  # by a write or a clear: never served again; Redis removes it when it expires
UNDECODABLE = "undecodable"
GONE = "gone"
OTHER = "other"  # belongs to no family


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One entry in Redis. `header` is None if it does not decode, `expires_in` is seconds, `size` bytes of memory."""

    header: Entry | None
    expires_in: float
    size: int
    state: str


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key with its entry and its stale entry, which remains after the first has expired."""

    key: str
    family: Family[Any] | None
    tags: tuple[str, ...]
    entry: StoredEntry | None
    stale_entry: StoredEntry | None

    @property
    def current(self) -> StoredEntry | None:
        return self.entry or self.stale_entry

    @property
    def state(self) -> str:
        return self.current.state if self.current else GONE

    @property
    def size(self) -> int:
        return sum(stored.size for stored in (self.entry, self.stale_entry) if stored)

    @property
    def created(self) -> datetime | None:
        return self.current.header.created if self.current and self.current.header else None


def tags_of(family: Family[Any] | None, key: str) -> tuple[str, ...]:
    """The tags of a key; empty if no read of the family could have produced it."""
    params = keys.parse(family.template, key) if family else None
    if family is None or params is None:
        return ()
    try:
        keys.build(family.template, params)
        return tuple(dict.fromkeys((family.name, *(keys.build_tag(tag, params) for tag in family.tags))))
    except InvalidKeyPart:
        return ()


def inspect(names: Sequence[str]) -> list[StoredKey]:
    """Look up keys in one round trip, fetching only the first bytes of each value."""
    known = [(families.of_key(name), name) for name in names]
    refs = [EntryRef(name, tags_of(family, name)) for family, name in known]
    rows = entries.inspect(refs, HEAD_BYTES)
    return [_stored_key(family, ref, *row) for (family, _), ref, row in zip(known, refs, rows, strict=True)]


def _stored_key(
    family: Family[Any] | None, ref: EntryRef, value: list[Any], stale: list[Any], words: list[bytes | None]
) -> StoredKey:
    valid = b",".join(cast("list[bytes]", words)) if ref.tags and None not in words else None
    return StoredKey(
        ref.key, family, ref.tags, _stored_entry(family, valid, *value), _stored_entry(family, valid, *stale)
    )


def _stored_entry(
    family: Family[Any] | None, valid: bytes | None, head: Any, ttl_ms: int, size: int | None
) -> StoredEntry | None:
    """`valid` are the generations of now; `head` is an error if the key is of another Redis type."""
    if size is None:
        return None
    try:
        header = codec.unpack_head(head) if isinstance(head, bytes) else None
    except codec.Undecodable:
        header = None
    return StoredEntry(header, max(0.0, ttl_ms / 1000), size, _state(family, valid, header))


def _state(family: Family[Any] | None, valid: bytes | None, header: Entry | None) -> str:
    if family is None:
        return OTHER
    if header is None:
        return UNDECODABLE
    if header.generations != valid:
        return INVALIDATED
    return FRESH if (clock.now() - header.created).total_seconds() < header.ttl else STALE


@dataclass(frozen=True, slots=True)
class ValuePreview:
    """A value as indented JSON; `omitted` is the number of characters cut off its end."""

    text: str
    omitted: int
    problem: str = ""


def preview_value(stored: StoredKey, max_chars: int) -> ValuePreview:
    """The first `max_chars` characters of a value. A value of a secret family or of no family is never fetched."""
    if not stored.current or not stored.family or stored.family.secret:
        return ValuePreview("", 0)
    if stored.current.size > MAX_ENTRY_BYTES:
        return ValuePreview("", 0, f"It takes more than {MAX_ENTRY_BYTES // 1024**2} MB and is not fetched.")
    try:
        entry = codec.unpack(entries.raw_bytes(stored.key, stale=stored.entry is None))
        codec.decode(entry.payload, stored.family.type)
        text = msgspec.json.format(entry.payload, indent=2).decode()
    except codec.Undecodable as error:
        return ValuePreview("", 0, str(error))
    return ValuePreview(text[:max_chars], max(0, len(text) - max_chars))
