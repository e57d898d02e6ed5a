"""Clearing, by pattern, family and tag: ours and nothing else."""

from decimal import Decimal
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from systemcache import families, invalidation, store
from systemcache.errors import StoreUnavailable, UnknownFamily, UnknownTag
from systemcache.fetch import fetch
from tests.servers.redis_server import RedisServer
from tests.systemcache.samples import CHOSEN, PRICE, Price

FOREIGN = ("sample:price:A", "iifl:SIM00012:sample:price:A", "other:iifl:SIM0001:x", "iifl:OTHER:sample:list", "iifl:")


@pytest.fixture
def redis(redis_store: RedisServer) -> Redis:
    for name in ("A", "B"):
        fetch(PRICE, {"symbol": name}, lambda name=name: Price(name, Decimal(1)))  # type: ignore[misc]
    redis = Redis.from_url(redis_store.url)
    for key in FOREIGN:
        redis.set(key, "foreign")
    return redis


def kept(redis: Redis) -> set[str]:
    return {key.decode() for key in cast("list[bytes]", redis.keys("*"))}


@pytest.mark.parametrize(
    ("chosen", "number"),
    [
        ({"pattern": "*"}, 2),
        ({"pattern": "sample:*"}, 2),
        ({"pattern": "sample:price:A"}, 1),
        ({"pattern": "sample:price:[AB]"}, 2),
        ({"pattern": "api:*"}, 0),
        ({"family": "sample_price"}, 2),
        ({"tag": "sample:A"}, 1),
    ],
)
def test_a_clear_drops_what_it_names_and_counts_it(redis: Redis, chosen: dict[str, str], number: int) -> None:
    before = kept(redis)
    patterns = invalidation.patterns(**chosen)
    assert invalidation.clear(patterns, by="test", dry_run=True).keys == number
    assert kept(redis) == before
    assert invalidation.clear(patterns, by="test").keys == number
    assert len(kept(redis)) == len(before) - number
    assert kept(redis) >= set(FOREIGN)


@given(st.text(alphabet="*?[]^-\\:abciflSIM01", max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
def test_whatever_the_pattern_foreign_keys_stay(redis: Redis, pattern: str) -> None:
    invalidation.clear([pattern], by="test")
    assert kept(redis) >= set(FOREIGN)


def test_a_family_or_tag_that_nobody_has_is_named() -> None:
    with pytest.raises(UnknownFamily):
        invalidation.patterns(family="nonsense")
    with pytest.raises(UnknownTag):
        invalidation.patterns(tag="nonsense:A")


def test_a_clear_without_redis_says_so() -> None:
    with pytest.raises(StoreUnavailable):
        invalidation.clear(["*"], by="test")


@pytest.mark.usefixtures("redis_store")
def test_all_keys_of_a_family_with_few_values_are_dropped_by_name() -> None:
    for kind in ("a", "b"):
        fetch(CHOSEN, {"kind": kind}, lambda: [1])
    invalidation.drop_all(CHOSEN)
    assert [fetch(CHOSEN, {"kind": kind}, lambda: [2]).value for kind in ("a", "b")] == [[2], [2]]


@pytest.mark.usefixtures("redis_store")
def test_a_load_that_began_before_a_drop_is_not_kept() -> None:
    def load() -> list[int]:
        invalidation.drop(CHOSEN, {"kind": "a"})  # a write ends while the load is under way
        return [1]

    fetch(CHOSEN, {"kind": "a"}, load)
    assert fetch(CHOSEN, {"kind": "a"}, lambda: [2]).value == [2]


def test_counts_outlive_a_clear_of_everything(redis: Redis) -> None:
    store.add_counts({("sample_price", "hits"): 5})
    invalidation.clear(["*"], by="test")
    assert store.counts(["sample_price"])["sample_price"]["hits"] == 5


def test_two_families_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="sample_price"):
        families.register(families.Family("sample_price", "other:key", int))
