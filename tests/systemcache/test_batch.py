"""Several keys at once: one round trip, one load for what is missing."""

from decimal import Decimal

import pytest

from systemcache.batch import fetch_many
from systemcache.fetch import fetch
from systemcache.keys import Params
from tests.systemcache.samples import PRICE, Price

WANTED: list[Params] = [{"symbol": name} for name in ("A", "B", "C")]


def price(name: object) -> Price:
    return Price(str(name), Decimal(1))


@pytest.mark.usefixtures("redis_store")
def test_only_what_is_missing_is_loaded_in_one_call_and_the_order_stays() -> None:
    fetch(PRICE, {"symbol": "B"}, lambda: price("B"))
    asked: list[list[object]] = []

    def load(missing: list[Params]) -> list[Price | None]:
        asked.append([item["symbol"] for item in missing])
        return [price(item["symbol"]) for item in missing]

    found = fetch_many(PRICE, WANTED, load)
    assert [item.value.symbol for item in found if item] == ["A", "B", "C"]
    assert [item.state for item in found if item] == ["miss", "hit", "miss"]
    assert asked == [["A", "C"]]
    assert all(item and item.state == "hit" for item in fetch_many(PRICE, WANTED, load))
    assert len(asked) == 1


@pytest.mark.usefixtures("redis_store")
def test_what_the_source_does_not_have_is_none_and_is_asked_for_again() -> None:
    calls = []

    def load(missing: list[Params]) -> list[Price | None]:
        calls.append(len(missing))
        return [None for _ in missing]

    assert fetch_many(PRICE, WANTED, load) == [None, None, None]
    assert fetch_many(PRICE, WANTED, load) == [None, None, None]
    assert calls == [3, 3]


def test_with_redis_gone_all_come_from_the_source() -> None:
    found = fetch_many(PRICE, WANTED, lambda missing: [price(item["symbol"]) for item in missing])
    assert [item.state for item in found if item] == ["bypass"] * 3
