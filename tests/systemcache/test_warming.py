"""Warming: every registered step is taken, and what fails keeps none of the others back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from systemcache.cached_value import CachedValue
from systemcache.errors import StoreUnavailable, UnknownFamily
from systemcache.fetching.fetch import fetch
from systemcache.operations import warming
from systemcache.operations.warming import Step
from systemcache.stats import counters
from tests.systemcache.samples import LIST, PRICE, Price

pytestmark = pytest.mark.usefixtures("redis_store", "only_ours")

ONE = Price("A", Decimal(1))


@pytest.fixture
def only_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other app's steps."""
    monkeypatch.setattr(warming, "warmers", {})
    monkeypatch.setattr(warming, "wait_limiters", [])


def ours() -> Iterator[Step]:
    yield Step("sample_price", "the price of A", lambda: fetch(PRICE, {"symbol": "A"}, lambda: ONE))
    yield Step("sample_list", "the list", lambda: fetch(LIST, {}, list))


def failing(error: Exception) -> Callable[[], Iterator[Step]]:
    def read() -> list[CachedValue[Any]]:
        raise error

    return lambda: iter([Step("sample_maybe", "maybe", read)])


def test_what_is_missing_is_loaded_and_what_is_fresh_is_left() -> None:
    warming.register(ours)
    warming.register(ours)  # once, however often it is told
    assert [(done.what, done.state) for done in warming.run(max_wait=1).warmed] == [
        ("the price of A", "miss"),
        ("the list", "miss"),
    ]
    assert {done.state for done in warming.run(max_wait=1).warmed} == {"hit"}
    assert fetch(LIST, {}, list).state == "hit"


def test_warming_is_no_callers_read_and_its_loads_count() -> None:
    warming.register(ours)
    warming.register(failing(RuntimeError("no")))
    warming.run(max_wait=1)
    warming.run(max_wait=1)
    snapshot = counters.snapshot()
    assert (snapshot["hits"], snapshot["misses"], snapshot["hit_rate_percent"]) == (0, 0, None)
    row = snapshot["families"]["sample_price"]
    assert (row["site_reads"], row["loads"], row["hits"], row["near_hits"], row["misses"]) == (2, 1, 0, 0, 0)
    for _ in range(21):
        fetch(PRICE, {"symbol": "A"}, lambda: ONE)
    fetch(PRICE, {"symbol": "B"}, lambda: ONE)
    assert counters.snapshot()["hit_rate_percent"] == 95.45


def test_a_step_that_fails_is_named_and_the_others_are_taken() -> None:
    warming.register(failing(StoreUnavailable("no")))
    warming.register(failing(RuntimeError("Bearer secret")))
    warming.register(ours)
    report = warming.run(max_wait=1)
    assert [failure.error for failure in report.failed] == ["Redis cannot be used (no).", "RuntimeError"]
    assert len(report.warmed) == 2


def test_an_app_that_cannot_list_its_steps_leaves_the_others_theirs() -> None:
    def broken() -> Iterator[Step]:
        raise LookupError("no table")

    warming.register(broken)
    warming.register(ours)
    report = warming.run(max_wait=1)
    assert ([failure.error for failure in report.failed], len(report.warmed)) == (["LookupError"], 2)


def test_one_family_alone() -> None:
    warming.register(ours)
    assert [done.family for done in warming.run(family="sample_list", max_wait=1).warmed] == ["sample_list"]
    with pytest.raises(UnknownFamily):
        warming.run(family="nonsense", max_wait=1)


def test_after_its_time_no_step_begins() -> None:
    warming.register(ours)
    report = warming.run(time_limit=-1, max_wait=1)
    assert (report.warmed, report.left) == ([], ["the price of A", "the list"])


def test_a_run_is_as_patient_as_it_is_told() -> None:
    told: list[float] = []

    @contextmanager
    def around(seconds: float) -> Iterator[None]:
        told.append(seconds)
        yield
        told.append(-seconds)

    warming.add_wait_limiter(around)
    warming.run(max_wait=7)
    assert told == [7, -7]


@pytest.mark.django_db
def test_staff_warm_by_the_api_and_nobody_else(staff: APIClient, trader: APIClient, anonymous: APIClient) -> None:
    warming.register(ours)
    assert trader.post("/api/system/cache/warm").status_code == 403
    assert anonymous.post("/api/system/cache/warm").status_code == 401
    report = staff.post("/api/system/cache/warm").json()
    assert [row["what"] for row in report["warmed"]] == ["the price of A", "the list"]
    assert (report["failed"], report["left"]) == ([], [])
    only = staff.post("/api/system/cache/warm?family=sample_list").json()
    assert [(row["family"], row["state"]) for row in only["warmed"]] == [("sample_list", "hit")]
    assert staff.post("/api/system/cache/warm?family=nonsense").json()["error"]["code"] == "unknown_family"
