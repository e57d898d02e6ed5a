"""Several at once on one row. SQLite's test database is in memory and serves one thread, so these need PostgreSQL."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from threading import Barrier, BrokenBarrierError
from typing import Any, TypeVar

import pytest
from django.db import connection, connections
from django.http import Http404
from msgspec.structs import replace

from tests.watchlist.conftest import Market, candles
from watchlist import generation, services
from watchlist.models import Signal, TradingSetting, WatchlistItem
from watchlist.strategies import run

pytestmark = pytest.mark.django_db(transaction=True)

A = TypeVar("A")
R = TypeVar("R")
CALLERS = 6


@pytest.fixture(autouse=True)
def _threads() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")


def at_once(work: Callable[[A], R], given: Sequence[A]) -> list[R]:
    def closing(argument: A) -> R:
        try:
            return work(argument)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(given)) as pool:
        return list(pool.map(closing, given))


@pytest.mark.usefixtures("default_settings")
def test_of_many_who_ask_for_a_signal_one_makes_it(market: Market) -> None:
    result = replace(run("breakout", candles(*[100] * 20, 103)), average_volume=1_000_000)
    contract = market.resolve("TCS")
    outcomes = at_once(lambda _: generation.create_signal(result, contract, "breakout", "1d"), range(CALLERS))
    assert sum(outcome.signal is not None for outcome in outcomes) == 1
    assert Signal.objects.count() == 1


def test_of_two_who_decide_on_a_signal_one_decides() -> None:
    Signal.objects.create(symbol="TCS", signal_type="buy")
    decisions = ["approved", "rejected"] * (CALLERS // 2)
    moved = at_once(lambda status: Signal.objects.all().transition_to(status), decisions)
    assert sum(moved) == 1
    assert Signal.objects.get().status == decisions[moved.index(1)]


def test_changes_to_different_columns_all_stay() -> None:
    item = WatchlistItem.objects.create(symbol="TCS")
    changes: list[dict[str, object]] = [{"notes": "n"}, {"target_price": 5}, {"is_active": False}, {"category": "hold"}]
    at_once(lambda change: services.change_item(item=item, changes=change), changes)
    item.refresh_from_db()
    assert (item.notes, item.target_price, item.is_active, item.category) == ("n", Decimal(5), False, "hold")


def test_the_same_symbols_imported_twice_at_once_stand_there_once() -> None:
    done = at_once(
        lambda _: services.add_symbols(symbols=["TCS", "INFY"], category="hold", exchange="NSEEQ"), range(CALLERS)
    )
    assert WatchlistItem.objects.count() == 2
    assert all(outcome.added + outcome.existing == 2 for outcome in done)


def test_what_was_deleted_meanwhile_is_not_found_rather_than_made_again() -> None:
    item = WatchlistItem.objects.create(symbol="TCS")
    WatchlistItem.objects.all().delete()
    with pytest.raises(Http404):
        services.change_item(item=item, changes={"notes": "n"})
    assert not WatchlistItem.objects.exists()


@pytest.mark.usefixtures("default_settings")
def test_two_who_change_the_same_settings_in_another_order_do_not_block_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second waits for the first before it writes: all rows are locked when they are read."""
    save, first_saved = TradingSetting.save, Barrier(2)

    def save_and_wait(setting: TradingSetting, *args: Any, **how: Any) -> None:
        save(setting, *args, **how)
        with suppress(BrokenBarrierError):
            first_saved.wait(0.5)

    monkeypatch.setattr(TradingSetting, "save", save_and_wait)
    changes = [{"max_positions": 3, "signal_timeout": 30}, {"signal_timeout": 40, "max_positions": 4}]
    at_once(lambda values: services.change_settings(values=values), changes)
    assert [*TradingSetting.objects.filter(key__in=changes[0]).order_by("key").values_list("value", flat=True)] in (
        ["3", "30"],
        ["4", "40"],
    )
