"""Clearing, by pattern, family and tag: ours and nothing else."""

from collections.abc import Callable
from decimal import Decimal
from typing import cast

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as given_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings
from redis import Redis

from systemcache import families
from systemcache.errors import StoreUnavailable, UnknownFamily, UnknownTag
from systemcache.fetching.fetch import fetch
from systemcache.invalidation import clear
from systemcache.invalidation.clear import Target
from systemcache.models import ClearRecord
from systemcache.stats import counters
from systemcache.storage import scan, totals
from tests.systemcache.samples import CHOSEN, PRICE, Price

EVERYTHING = Target("*", ("*",))
pytestmark = pytest.mark.django_db
FOREIGN = ("sample:price:A", "iifl:SIM00012:sample:price:A", "other:iifl:SIM0001:x", "iifl:OTHER:sample:list", "iifl:")


@pytest.fixture
def filled(redis: Redis) -> Redis:
    """A Redis with two prices, and keys that are not ours."""
    for name in ("A", "B"):
        fetch(PRICE, {"symbol": name}, lambda name=name: Price(name, Decimal(1)))  # type: ignore[misc]
    for key in FOREIGN:
        redis.set(key, "foreign")
    return redis


def kept(redis: Redis) -> set[str]:
    """All values of anybody's: not the cache's own marks beside them."""
    names = (key.decode() for key in cast("list[bytes]", redis.keys("*")))
    return {
        name
        for name in names
        if not name.startswith(("gen:", "epoch:", "lease:", "wake:", "stats:", "series:", "marks:"))
    }


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
def test_a_clear_drops_what_it_names_and_counts_it(filled: Redis, chosen: dict[str, str], number: int) -> None:
    before = kept(filled)
    target = clear.target(**chosen)
    assert clear.clear(target, by="test", dry_run=True).keys == number
    assert kept(filled) == before
    assert clear.clear(target, by="test").keys == number
    assert len(kept(filled)) == len(before) - number
    assert kept(filled) >= set(FOREIGN)


@given(st.text(alphabet="*?[]^-\\:abciflSIM01", max_size=12))
@given_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
def test_whatever_the_pattern_foreign_keys_stay(filled: Redis, pattern: str) -> None:
    clear.clear(Target(pattern, (pattern,)), by="test")
    assert kept(filled) >= set(FOREIGN)


def test_a_family_or_tag_that_nobody_has_is_named() -> None:
    with pytest.raises(UnknownFamily):
        clear.target(family="nonsense")
    with pytest.raises(UnknownTag):
        clear.target(tag="nonsense:A")


def test_a_clear_without_redis_says_so() -> None:
    with pytest.raises(StoreUnavailable):
        clear.clear(EVERYTHING, by="test")


@pytest.mark.usefixtures("redis_store")
@pytest.mark.parametrize("chosen", [{"pattern": "sample:p*"}, {"family": "sample_price"}, {"tag": "sample:A"}])
def test_a_load_under_way_during_a_clear_is_not_kept(chosen: dict[str, str]) -> None:
    def load() -> Price:
        clear.clear(clear.target(**chosen), by="test")
        return Price("A", Decimal(1))

    fetch(PRICE, {"symbol": "A"}, load)
    assert fetch(PRICE, {"symbol": "A"}, lambda: Price("A", Decimal(2))).value.amount == 2


def test_the_prefix_is_taken_literally(filled: Redis, settings: Settings) -> None:
    """Though `manage.py check` refuses such a one: as a glob it would match others' keys, and not our own."""
    settings.CACHE_PREFIX = "iifl:SIM000[1]"
    fetch(PRICE, {"symbol": "C"}, lambda: Price("C", Decimal(1)))
    others = kept(filled) - {"iifl:SIM000[1]:sample:price:C"}
    assert clear.clear(EVERYTHING, by="test", dry_run=True).keys == 1
    assert clear.clear(EVERYTHING, by="test").keys == 1
    assert kept(filled) == others


def test_a_clear_is_on_record(filled: Redis) -> None:
    clear.clear(clear.target(family="sample_price"), by="somebody")
    record = ClearRecord.objects.get()
    assert (record.by, record.what, record.keys) == ("somebody", "family sample_price", 2)
    assert record.seconds > 0


def test_a_clear_that_redis_cuts_short_is_on_record_as_far_as_it_came(
    filled: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = scan.delete_matching

    def cut_short(pattern: str, progress: Callable[[int], object]) -> int:
        whole(pattern, progress)
        raise StoreUnavailable("gone")

    monkeypatch.setattr(scan, "delete_matching", cut_short)
    with pytest.raises(StoreUnavailable):
        clear.clear(EVERYTHING, by="somebody")
    assert ClearRecord.objects.get().keys == 2


def test_a_dry_run_is_not(filled: Redis) -> None:
    clear.clear(EVERYTHING, by="somebody", dry_run=True)
    assert not ClearRecord.objects.exists()


@pytest.mark.usefixtures("redis_store")
def test_an_invalidated_family_is_loaded_again() -> None:
    fetch(CHOSEN, {"kind": "a"}, lambda: [1])
    clear.invalidate("sample_chosen")
    assert fetch(CHOSEN, {"kind": "a"}, lambda: [2]).value == [2]


def test_counts_outlive_a_clear_of_everything(filled: Redis) -> None:
    counters.count("sample_price", "hits", 5)
    counters.flush()
    clear.clear(EVERYTHING, by="test")
    assert totals.counts()["sample_price"]["hits"] == 5


def test_two_families_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="sample_price"):
        families.register(families.Family("sample_price", "other:key", int))
