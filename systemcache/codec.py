"""Values to bytes and back: JSON with declared types, so that nothing in Redis is code.

Money travels as a string of digits and comes back as Decimal, times carry their offset: the family's type says so.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

FORMAT = b"1"  # raised when the layout changes; an entry of another format is a miss


class Undecodable(ValueError):
    """The bytes are no value of the declared type."""


class Entry(msgspec.Struct, frozen=True):
    """A stored value: when it was loaded, and its JSON."""

    created: datetime
    payload: bytes


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
    """`1 1763862801.123456 {...}`: format, seconds since 1970 (UTC), JSON. An operator can read it in redis-cli."""
    return b"%b %b %b" % (FORMAT, repr(entry.created.timestamp()).encode(), entry.payload)


def unpack(data: bytes) -> Entry:
    """Raises Undecodable for anything that `pack` did not write."""
    try:
        format_, created, payload = data.split(b" ", 2)
        if format_ != FORMAT:
            raise Undecodable(f"format {format_[:8]!r}")
        return Entry(datetime.fromtimestamp(float(created), UTC), payload)
    except (ValueError, OverflowError, OSError) as error:
        raise Undecodable("not an entry") from error
