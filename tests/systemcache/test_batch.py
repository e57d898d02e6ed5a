"""Several keys at once: one round trip, one load for what is missing."""

import threading
from decimal import Decimal

import pytest
from redis.connection import AbstractConnection

from systemcache.fetching.fetch import fetch
from systemcache.fetching.fetch_many import fetch_many
from systemcache.fetching.source import failures
from systemcache.keys import Params
from systemcache.storage.breaker import breaker
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
def test_more_misses_are_no_more_round_trips(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    send = AbstractConnection.send_packed_command

    def counting(connection: AbstractConnection, *args: object, **kwargs: object) -> object:
        sent.append(threading.get_ident())  # others are the threads that look after the cache
        return send(connection, *args, **kwargs)  # type: ignore[no-untyped-call]  # redis-py's

    def trips(*symbols: str) -> int:
        sent.clear()
        found = fetch_many(PRICE, [{"symbol": name} for name in symbols], lambda missing: [price("X")] * len(missing))
        assert [item.state for item in found if item] == ["miss"] * len(symbols)
        return sent.count(threading.get_ident())

    trips("CONNECTED", "SCRIPTS KNOWN")
    monkeypatch.setattr(AbstractConnection, "send_packed_command", counting)
    assert trips(*"ABCDEFGHIJKLMNOPQRSTUVWXYZ") == trips("ONE", "TWO") > 0


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


class Away(Exception):
    """A failure of the source."""


@pytest.mark.usefixtures("redis_store")
def test_what_one_call_brought_is_kept_although_the_rest_of_it_failed() -> None:
    def load(missing: list[Params]) -> list[Price | Exception]:
        return [Away() if item["symbol"] == "B" else price(item["symbol"]) for item in missing]

    with pytest.raises(Away):
        fetch_many(PRICE, WANTED, load)
    assert [fetch(PRICE, {"symbol": name}, lambda: price("x")).state for name in ("A", "C")] == ["hit", "hit"]


@pytest.mark.usefixtures("redis_store")
def test_what_failed_is_left_alone_for_a_moment_and_then_asked_for_by_itself() -> None:
    asked: list[list[object]] = []

    def load(missing: list[Params]) -> list[Price | Exception]:
        asked.append([item["symbol"] for item in missing])
        return [Away() if item["symbol"] == "B" and len(asked) == 1 else price(item["symbol"]) for item in missing]

    for _ in range(2):
        with pytest.raises(Away):
            fetch_many(PRICE, WANTED, load)
    failures.clear()
    assert [item.state for item in fetch_many(PRICE, WANTED, load) if item] == ["hit", "miss", "hit"]
    assert asked == [["A", "B", "C"], ["B"]]


@pytest.mark.usefixtures("redis_store")
def test_without_redis_a_failure_of_one_is_raised() -> None:
    breaker.failed()
    with pytest.raises(Away):
        fetch_many(PRICE, WANTED, lambda missing: [Away() for _ in missing])


@pytest.mark.usefixtures("redis_store")
def test_each_value_may_have_a_time_of_its_own() -> None:
    found = fetch_many(
        PRICE,
        WANTED,
        lambda missing: [price(item["symbol"]) for item in missing],
        ttl=lambda item: 7 if item["symbol"] == "B" else None,
    )
    whole = PRICE.ttl
    assert [item.ttl for item in found if item] == [whole, 7, whole]
