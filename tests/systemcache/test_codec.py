"""Bytes and values: a value or Undecodable, never anything else, never code."""

import contextlib
import pickle
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from systemcache import codec


class Sample(msgspec.Struct, frozen=True):
    money: Decimal
    at: datetime
    on: date
    note: str | None
    many: list[int]


samples = st.builds(
    Sample,
    money=st.decimals(allow_nan=False, allow_infinity=False),
    at=st.datetimes(timezones=st.just(UTC)),
    on=st.dates(),
    note=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    many=st.lists(st.integers(-(2**63), 2**63 - 1)),
)


@given(samples)
def test_declared_types_survive_the_round_trip(sample: Sample) -> None:
    entry = codec.Entry(datetime(2026, 1, 5, 9, 15, 0, 123456, UTC), 30, codec.encode(sample))
    back = codec.unpack(codec.pack(entry))
    assert back == entry
    assert codec.decode(back.payload, Sample) == sample


@given(st.binary())
def test_any_bytes_are_an_entry_or_undecodable(data: bytes) -> None:
    for candidate in (data, b"2 - 1763862801.5 30 j\n" + data, b"2 - 1763862801.5 30 z\n" + data):
        with contextlib.suppress(codec.Undecodable):
            assert isinstance(codec.decode(codec.unpack(candidate).payload, Sample), Sample)


@given(samples, st.data())
def test_a_truncated_or_flipped_entry_is_a_value_or_undecodable(sample: Sample, data: Any) -> None:
    packed = bytearray(codec.pack(codec.Entry(datetime(2026, 1, 5, tzinfo=UTC), 30, codec.encode(sample))))
    place = data.draw(st.integers(0, len(packed) - 1))
    packed[place] ^= 1 << data.draw(st.integers(0, 7))
    for candidate in (bytes(packed), bytes(packed[:place])):
        with contextlib.suppress(codec.Undecodable):
            assert isinstance(codec.decode(codec.unpack(candidate).payload, Sample), Sample)


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("a pickle was run",))


def test_a_pickle_is_not_run() -> None:
    with pytest.raises(codec.Undecodable):
        codec.unpack(pickle.dumps(Bomb()))


def test_deep_nesting_is_undecodable() -> None:
    with pytest.raises(codec.Undecodable):
        codec.decode(b"[" * 100_000, list[Any])


def test_a_large_value_is_compressed_and_comes_back() -> None:
    entry = codec.Entry(datetime(2026, 1, 5, tzinfo=UTC), 30, b"[" + b"1," * 100_000 + b"1]")
    packed = codec.pack(entry)
    assert len(packed) < 2_000
    assert codec.unpack(packed) == entry


def test_a_value_that_unpacks_into_too_much_is_undecodable(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = codec.pack(codec.Entry(datetime(2026, 1, 5, tzinfo=UTC), 30, b" " * 100_000))
    monkeypatch.setattr(codec, "MAX_UNPACKED", 99_999)
    with pytest.raises(codec.Undecodable):
        codec.unpack(packed)


# One payload of each former format, as it stood in Redis.
FORMER = [b'1 1763862801.123456 {"money":"1.10","at":"2026-01-05T09:15:00Z","on":"2026-01-05","note":null,"many":[]}']


@pytest.mark.parametrize("payload", FORMER)
def test_a_payload_of_a_former_format_is_undecodable(payload: bytes) -> None:
    with pytest.raises(codec.Undecodable):
        codec.unpack(payload)


def test_a_payload_of_this_format_is_read_as_it_was_written() -> None:
    entry = codec.unpack(
        b"2 ab.1,cd.2 1763862801.123456 30 j\n"
        b'{"money":"1.10","at":"2026-01-05T09:15:00Z","on":"2026-01-05","note":null,"many":[]}'
    )
    assert (entry.generations, entry.ttl, entry.created.timestamp()) == (b"ab.1,cd.2", 30, 1763862801.123456)
    assert codec.decode(entry.payload, Sample).money == Decimal("1.10")


@given(samples, st.integers(0, 40))
def test_the_head_of_an_entry_tells_all_but_its_payload(sample: Sample, more: int) -> None:
    entry = codec.Entry(datetime(2026, 1, 5, tzinfo=UTC), 60, codec.encode(sample), b"epoch,word")
    data = codec.pack(entry)
    head = codec.unpack_head(data[: data.index(b"\n") + 1 + more])
    assert (head.created, head.ttl, head.generations) == (entry.created, entry.ttl, entry.generations)


@given(st.binary(max_size=200))
def test_whatever_is_no_head_is_undecodable(data: bytes) -> None:
    with contextlib.suppress(codec.Undecodable):
        assert codec.unpack_head(data).payload == b""
