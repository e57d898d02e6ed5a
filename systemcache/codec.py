"""Encodes values as JSON and decodes them into declared types, so that reading from Redis never executes code.

Money is a string of digits that decodes to Decimal, and times carry their UTC offset, as the family's type declares.
An entry is one header line, then the payload:

    2 <generations> <created> <ttl> <j|z>
    {"symbol": …}

`created` is seconds since 1970 (UTC), `ttl` the seconds for which the value is fresh, `generations` the epoch and the
tags' generations in Redis when its load began (see storage/generations.py), j plain JSON, z JSON compressed by zlib.
"""

import zlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, TypeVar

import msgspec

T = TypeVar("T")
Moment = Annotated[datetime, msgspec.Meta(tz=True)]  # for declared types: a time with its UTC offset, and no other

FORMAT = b"2"  # increment it when the layout changes; an entry of another format is a miss
# Smaller values are stored uncompressed. The NSEEQ contract list (2.1 MB) shrinks to a tenth in 10 ms and unpacks in 5;
# for a list of 50 holdings (15 kB) the gain would be lost in the noise of a round trip.
COMPRESS_FROM = 64 * 1024  # bytes
MAX_TIMESTAMP = 2**33  # seconds since 1970; adding a UTC offset at the end of the calendar would overflow
# Bytes: eight times the largest value, a list of all contracts of an exchange. A forged entry must not exhaust memory.
MAX_UNPACKED = 16 * 1024 * 1024


class Undecodable(ValueError):
    """The bytes are not a valid entry, or not a value of the declared type."""


class Entry(msgspec.Struct, frozen=True):
    """A stored value: when its load began, for how many seconds it is fresh, its JSON, and its generations."""

    created: datetime
    ttl: float
    payload: bytes
    generations: bytes = b"-"


def encode(value: object) -> bytes:
    return msgspec.json.encode(value)


def decode(payload: bytes, type_: type[T]) -> T:
    """Raises Undecodable if the bytes are not JSON of that type."""
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
    head, newline, payload = data.partition(b"\n")
    parts = head.split(b" ")
    if not newline or len(parts) != 5 or parts[0] != FORMAT:
        raise Undecodable("not an entry of this format")
    _, generations, created, ttl, kind = parts
    try:
        return Entry(_parse_timestamp(float(created)), float(ttl), _decompress(payload, kind), generations)
    except (ValueError, OverflowError, OSError, zlib.error) as error:
        raise Undecodable("not an entry") from error


def unpack_head(data: bytes) -> Entry:
    """Unpack the first bytes of an entry, without its payload. Raises Undecodable."""
    head, newline, _ = data.partition(b"\n")
    if not newline or not head.endswith((b" j", b" z")):
        raise Undecodable("not an entry of this format")
    return unpack(head[:-1] + b"j\n")


def _parse_timestamp(seconds: float) -> datetime:
    if not 0 <= seconds < MAX_TIMESTAMP:
        raise Undecodable("its time of creation is out of range")
    return datetime.fromtimestamp(seconds, UTC)


def _decompress(payload: bytes, kind: bytes) -> bytes:
    if kind == b"j":
        return payload
    if kind != b"z":
        raise Undecodable(f"unknown payload kind {kind[:8]!r}")
    unpacker = zlib.decompressobj()
    plain = unpacker.decompress(payload, MAX_UNPACKED)
    if not unpacker.eof:
        raise Undecodable("the compressed payload is truncated or too large")
    return plain
