"""Values to bytes and back: JSON with declared types, so that nothing in Redis is code.

Money travels as a string of digits and comes back as Decimal, times carry their offset: the family's type says so.
An entry is one line of text, then the payload:

    2 <generations> <created> <ttl> <j|z>
    {"symbol": …}

`created` is seconds since 1970 (UTC), `ttl` the seconds for which the value is fresh, `generations` what stood in Redis
when its load began (see store.py), j plain JSON, z JSON compressed by zlib.
"""

import zlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

FORMAT = b"2"  # raised when the layout changes; an entry of another format is a miss
# Below this a value is stored as it is. The NSEEQ contract list (2.1 MB) shrinks to a tenth in 10 ms and is back in 5;
# a book of 50 holdings (15 kB) would gain nothing that a round trip shows.
COMPRESS_FROM = 64 * 1024  # bytes
LATEST = 2**33  # seconds since 1970; at the end of the calendar a time zone's offset does not fit any more
LARGEST = 256 * 1024 * 1024  # bytes, unpacked: a forged entry must not fill the memory


class Undecodable(ValueError):
    """The bytes are no value of the declared type."""


class Entry(msgspec.Struct, frozen=True):
    """A stored value: when its load began, for how many seconds it is fresh, its JSON, and its generations."""

    created: datetime
    ttl: float
    payload: bytes
    generations: bytes = b"-"


def encode(value: object) -> bytes:
    return msgspec.json.encode(value)


def decode(payload: bytes, type_: type[T]) -> T:
    """Raises Undecodable when the bytes are not JSON of that type."""
    try:
        value: T = _decoder(type_).decode(payload)  # type: ignore[arg-type]  # types are hashable
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Undecodable(str(error)) from error
    return value


@lru_cache
def _decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type_)


def pack(entry: Entry) -> bytes:
    payload, kind = entry.payload, b"j"
    if len(payload) >= COMPRESS_FROM:
        payload, kind = zlib.compress(payload, 1), b"z"
    created = repr(entry.created.timestamp()).encode()
    return b"%b %b %b %d %b\n%b" % (FORMAT, entry.generations, created, entry.ttl, kind, payload)


def unpack(data: bytes) -> Entry:
    """Raises Undecodable for anything that `pack` did not write."""
    head, found, payload = data.partition(b"\n")
    parts = head.split(b" ")
    if not found or len(parts) != 5 or parts[0] != FORMAT:
        raise Undecodable("not an entry of this format")
    _, generations, created, ttl, kind = parts
    try:
        return Entry(_time(float(created)), float(ttl), _plain(payload, kind), generations)
    except (ValueError, OverflowError, OSError, zlib.error) as error:
        raise Undecodable("not an entry") from error


def unpack_head(data: bytes) -> Entry:
    """All but the payload, from the beginning of an entry. Raises Undecodable."""
    head, found, _ = data.partition(b"\n")
    if not found or not head.endswith((b" j", b" z")):
        raise Undecodable("not an entry of this format")
    return unpack(head[:-1] + b"j\n")


def _time(seconds: float) -> datetime:
    if not 0 <= seconds < LATEST:
        raise Undecodable("made at no time that can be shown")
    return datetime.fromtimestamp(seconds, UTC)


def _plain(payload: bytes, kind: bytes) -> bytes:
    if kind == b"j":
        return payload
    if kind != b"z":
        raise Undecodable(f"kind {kind[:8]!r}")
    unpacker = zlib.decompressobj()
    plain = unpacker.decompress(payload, LARGEST)
    if not unpacker.eof:
        raise Undecodable("cut short, or too large")
    return plain
