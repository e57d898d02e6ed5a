"""What the cache promises whatever store it has: the same assertions over a fake, a real Redis, and Redis gone."""

import json
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from rest_framework.test import APIClient

from systemcache.errors import StoreUnavailable
from systemcache.fetching import source
from systemcache.fetching.fetch import fetch
from systemcache.fetching.fetch_many import fetch_many
from systemcache.invalidation import clear, outbox
from systemcache.keys import Params
from systemcache.models import ClearRecord
from systemcache.stats import counters
from tests.support.source import Source
from tests.systemcache.contract.conftest import Kept
from tests.systemcache.samples import LIST, MAYBE, PRICE, Price

A: Params = {"symbol": "A"}
STATS_FIELDS = {
    *("hits", "misses", "hit_rate_percent", "redis_keyspace_hits", "redis_keyspace_misses"),
    *("connected", "breaker", "redis", "families", "near_hits", "saved_calls"),
}


def price(amount: object, symbol: str = "A") -> Price:
    return Price(symbol, Decimal(str(amount)))


def test_the_sources_value_comes_back_twice(kept: Kept) -> None:
    source = Source(price("1.10"))
    found = [fetch(PRICE, A, source) for _ in range(2)]
    assert [item.value for item in found] == [price("1.10")] * 2
    assert [item.payload for item in found] == [b'{"symbol":"A","amount":"1.10"}'] * 2
    assert [item.state for item in found] == [kept.first, kept.then]
    assert source.calls == (1 if kept.keeps else 2)


@pytest.mark.usefixtures("kept")
def test_an_error_of_the_source_reaches_the_caller_and_is_not_cached() -> None:
    with pytest.raises(LookupError):
        fetch(PRICE, A, Source(LookupError("no")))
    source.failures.clear()  # a few seconds later
    assert fetch(PRICE, A, Source(price(1))).value == price(1)


@pytest.mark.usefixtures("kept")
def test_a_failing_source_is_not_asked_again_at_once() -> None:
    source = Source(LookupError("no"))
    for _ in range(3):
        with pytest.raises(LookupError):
            fetch(PRICE, A, source)
    assert source.calls == 1


@pytest.mark.parametrize("nothing", [None, []])
def test_nothing_is_a_value(nothing: object, kept: Kept) -> None:
    family, params = ((MAYBE, {"which": "x"}), (LIST, {}))[nothing is not None]
    found = [fetch(family, params, Source(nothing)) for _ in range(2)]
    assert [(item.value, item.state) for item in found] == [(nothing, kept.first), (nothing, kept.then)]


def test_after_a_drop_comes_the_new_value(kept: Kept) -> None:
    fetch(PRICE, A, Source(price(1)))
    if kept.keeps:
        clear.invalidate("sample_price")
    else:
        with pytest.raises(StoreUnavailable):
            clear.invalidate("sample_price")
    assert fetch(PRICE, A, Source(price(2))).value == price(2)


@pytest.mark.django_db(transaction=True)
def test_after_a_write_comes_the_new_value(kept: Kept) -> None:
    fetch(PRICE, A, Source(price(1)))
    with transaction.atomic():
        outbox.record("default", PRICE)
    found = fetch(PRICE, A, Source(price(2)))
    assert (found.value, found.state) == (price(2), kept.first)


@pytest.mark.usefixtures("kept")
def test_a_drop_during_a_load_keeps_the_load_from_being_kept() -> None:
    def load() -> Price:
        with suppress(StoreUnavailable):
            clear.invalidate("sample:A")
        return price(1)

    assert fetch(PRICE, A, load).value == price(1)
    assert fetch(PRICE, A, Source(price(2))).value == price(2)


def test_many_come_back_in_order_and_with_holes(kept: Kept) -> None:
    wanted: list[Params] = [{"symbol": name} for name in ("C", "NONE", "A", "B", "A")]

    def load(missing: list[Params]) -> list[Price | None]:
        return [None if item["symbol"] == "NONE" else price(1, str(item["symbol"])) for item in missing]

    for state in (kept.first, kept.then):
        found = fetch_many(PRICE, wanted, load)
        assert [item and item.value.symbol for item in found] == ["C", None, "A", "B", "A"]
        assert {item.state for item in found if item} == {state}


@pytest.mark.django_db
@pytest.mark.parametrize("chosen", [{"pattern": "sample:*"}, {"family": "sample_price"}, {"tag": "sample:A"}])
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_clear_counts_or_says_that_it_cannot(chosen: dict[str, str], dry_run: bool, kept: Kept) -> None:
    fetch(PRICE, A, Source(price(1)))
    target = clear.target(**chosen)
    if not kept.keeps:
        with pytest.raises(StoreUnavailable):
            clear.clear(target, by="test", dry_run=dry_run)
        assert not ClearRecord.objects.exists()
        return
    assert clear.clear(target, by="test", dry_run=dry_run).keys == 1
    assert ClearRecord.objects.exists() is not dry_run
    assert fetch(PRICE, A, Source(price(2))).value == price(1 if dry_run else 2)


def test_the_statistics_have_all_their_fields(kept: Kept) -> None:
    for _ in range(2):
        fetch(PRICE, A, Source(price(1)))
    snapshot = counters.snapshot()
    assert set(snapshot) == STATS_FIELDS
    assert snapshot["connected"] is kept.keeps
    assert snapshot["breaker"] == ("closed" if kept.keeps else "open")
    row = snapshot["families"]["sample_price"]
    assert set(row) == {*counters.EVENTS, "hit_rate_percent", "load_p50", "load_p95"}
    expected = {"hits": 1, "misses": 1, "loads": 1} if kept.keeps else {"bypasses": 2, "loads": 2}
    assert {event: number for event, number in row.items() if number and event in counters.EVENTS} == {
        **expected,
        "load_seconds": row["load_seconds"],
    }


@pytest.mark.django_db
def test_the_commands_answer(kept: Kept) -> None:
    out = StringIO()
    call_command("cachestats", "--json", stdout=out)
    assert json.loads(out.getvalue())["connected"] is kept.keeps
    call_command("cachestats", stdout=out)
    if kept.keeps:
        call_command("clearcache", "sample:*", stdout=out)
        assert out.getvalue().endswith("0 keys cleared\n")
    else:
        with pytest.raises(CommandError, match="Redis"):
            call_command("clearcache", "sample:*", stdout=out)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    ["/api/settings", "/api/watchlist", "/api/signals", "/api/system/cache/stats", "/api/system/health", "/metrics"],
)
def test_the_api_answers(path: str, kept: Kept, staff: APIClient) -> None:
    assert [staff.get(path).status_code for _ in range(2)] == [200, 200]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path"), [("get", "/api/system/cache/keys"), ("post", "/api/system/cache/clear?pattern=*")]
)
def test_what_only_redis_knows_is_shown_or_said_to_be_unavailable(
    method: str, path: str, kept: Kept, staff: APIClient
) -> None:
    call: Callable[[str], Any] = getattr(staff, method)
    answer = call(path)
    if kept.keeps:
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "cache_unavailable")
