"""Whatever stands in Redis under a value's key, fetch() answers with a value of the declared type, or loads."""

import enum
import pickle
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import cast

import msgspec
import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings
from redis import Redis
from rest_framework.request import Request

from systemcache import codec, families
from systemcache.families import Family
from systemcache.fetching.fetch import fetch
from systemcache.per_view import responses
from testservers.redis_server import RedisServer


class Side(enum.StrEnum):
    BUY = "buy"
    SELL = "sell"


class Leg(msgspec.Struct, frozen=True):
    side: Side
    price: Decimal
    count: int


class Trade(msgspec.Struct, frozen=True):
    at: datetime
    on: date
    legs: list[Leg]
    share: float
    note: str | None = None
    marks: dict[str, tuple[date, Decimal]] = {}


TRADE = Family("sample_trade", "sample:trade", Trade)
NAME = "iifl:SIM0001:sample:trade"
GENUINE = Trade(
    datetime(2026, 1, 5, 9, 15, tzinfo=UTC),
    date(2026, 1, 5),
    [Leg(Side.BUY, Decimal("1.10"), 2)],
    0.5,
    "ü",
    {"x": (date(2026, 1, 1), Decimal("0.00"))},
)
PAYLOAD = codec.encode(GENUINE)
CREATED = b"1767000000.5"
# Each replaces a part of the genuine payload or of its head.
EXTREMES = [
    (b'"1.10"', value)
    for value in (b'"1e999999999999999999999"', b'"NaN"', b'"sNaN"', b'"-Infinity"', b'"0x1"', b"1" * 5000, b"1e400")
] + [
    (b"2026-01-05T09:15:00Z", value)
    for value in (
        b"9999-12-31T23:59:59.999999-23:59",
        b"0001-01-01T00:00:00+23:59",
        b"2026-01-05T24:00:00Z",
        b"2026-01-05T23:59:60Z",
        b"2026-02-30T00:00:00Z",
        b"2026-01-05T09:15:00",
        b"0000-01-05T09:15:00Z",
    )
]
EXTREMES += [(b'"2026-01-05"', value) for value in (b'"0000-00-00"', b'"+2026-01-05"', b"20260105", b"null")]
EXTREMES += [(b'"buy"', value) for value in (b'"hold"', b"1", b'"BUY"', b"{}")]
EXTREMES += [(b":2}", value) for value in (b":" + b"9" * 5000 + b"}", b":-1e309}", b":2.5}", b":true}")]
EXTREMES += [(b"0.5", value) for value in (b"1e999", b"NaN", b"-0", b"1" * 400)]
EXTREMES += [('"ü"'.encode(), value) for value in (b'"\xff"', b'"\\ud800"', b'"\\u0000"', b'"' + b"x" * 100_000 + b'"')]
HEADS = [
    b"2 GEN %b %b j" % (created, ttl)
    for created in (b"253402300799", b"1e300", b"-62135596800", b"nan", b"-inf", b"1e11", b"0", b"1_0")
    for ttl in (b"60", b"nan", b"inf", b"-1", b"1e400")
]


@pytest.fixture(autouse=True)
def trades(redis_store: RedisServer, settings: Settings) -> Iterator[None]:
    settings.CACHE_TTLS = {**settings.CACHE_TTLS, "sample_trade": 60}
    families.register(TRADE)
    yield
    families.unregister(TRADE)


def some_users_request() -> Request:
    request = Request(HttpRequest())
    request.user = User(username="somebody")
    return request


def assert_answered(redis: Redis, planted: bytes) -> str:
    """With `planted` where the value should stand (GEN: the generations of now) a read answers, and can be shown."""
    genuine = fetch(TRADE, {}, lambda: GENUINE)
    generations = codec.unpack(cast(bytes, redis.get(NAME))).generations
    redis.set(NAME, planted.replace(b"GEN", generations), keepttl=True)
    found = fetch(TRADE, {}, lambda: GENUINE)
    assert isinstance(found.value, Trade)
    assert found.state in ("hit", "miss")
    assert found.age() >= 0
    assert responses.dated_response(some_users_request(), found).status_code == 200
    if found.state == "miss":
        assert found.value == genuine.value == GENUINE
    redis.delete(NAME)
    return found.state


def entry(payload: bytes, head: bytes = b"2 GEN %b 1000000000 j" % CREATED) -> bytes:
    return head + b"\n" + payload


def test_the_genuine_value_is_a_hit(redis: Redis) -> None:
    assert assert_answered(redis, entry(PAYLOAD)) == "hit"


@pytest.mark.parametrize(("part", "value"), EXTREMES)
def test_an_extreme_in_a_declared_type_is_a_value_or_a_miss(redis: Redis, part: bytes, value: bytes) -> None:
    assert part in PAYLOAD
    assert_answered(redis, entry(PAYLOAD.replace(part, value)))


@pytest.mark.parametrize("head", HEADS)
def test_an_extreme_in_the_head_is_a_value_or_a_miss(redis: Redis, head: bytes) -> None:
    assert_answered(redis, entry(PAYLOAD, head))


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("a pickle was run",))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_a_miss_and_is_not_run(redis: Redis, protocol: int) -> None:
    bomb = pickle.dumps(Bomb(), protocol)
    for planted in (bomb, entry(bomb), entry(b'"' + bomb + b'"')):
        assert assert_answered(redis, planted) == "miss"


@given(st.data())
@hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(data=None)
def test_a_damaged_entry_is_a_value_or_a_miss(redis: Redis, data: st.DataObject | None) -> None:
    whole = bytearray(entry(PAYLOAD))
    if data:
        start = data.draw(st.integers(0, len(whole)))
        end = data.draw(st.integers(start, min(len(whole), start + 8)))
        whole[start:end] = data.draw(st.binary(max_size=8))
        whole = whole[: data.draw(st.integers(0, len(whole)) | st.just(len(whole)))]
    assert_answered(redis, bytes(whole))


@given(st.binary(max_size=300))
@hypothesis_settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_value_or_a_miss(redis: Redis, data: bytes) -> None:
    for planted in (data, entry(data), entry(data, b"2 GEN %b 60 z" % CREATED)):
        assert_answered(redis, planted)
