"""No list outlives a write: every way to write, and what each drops."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, models, transaction
from django.test import Client
from django.utils import timezone

from systemcache.families import Family
from systemcache.invalidation import signals
from systemcache.invalidation.registry import tables
from systemcache.storage import scan
from tests.support.committed import as_committed
from tests.watchlist.conftest import Commits
from watchlist import selectors
from watchlist.cache_families import SETTINGS, SIGNALS, WATCHLIST
from watchlist.models import Signal, TradingSetting, WatchlistItem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_store", "default_settings")]


@pytest.fixture
def item(commits: Commits) -> WatchlistItem:
    with commits():
        return WatchlistItem.objects.create(symbol="TCS", category="hold")


def fill() -> None:
    """Every list of the watchlist, two of signals, the settings."""
    as_committed()
    for active in WATCHLIST.choices["active"]:
        for category in WATCHLIST.choices["category"]:
            selectors.watchlist(active=active, category=category)
    for limit in (1, 200):
        selectors.signals(limit=limit)
    selectors.trading_settings()


def kept(family: Family[Any]) -> list[str]:
    names = family.every_key()
    return [key for key, facts in zip(names, scan.describe(names), strict=True) if facts["ttl"]]


def one_by_one(item: WatchlistItem) -> None:
    item.notes = "x"
    item.save()


def bulk_update(item: WatchlistItem) -> None:
    item.notes = "x"
    WatchlistItem.objects.bulk_update([item], ["notes"])


WRITES: dict[str, Callable[[WatchlistItem], object]] = {
    "save": one_by_one,
    "create": lambda _: WatchlistItem.objects.create(symbol="INFY"),
    "delete": lambda item: item.delete(),
    "queryset.update": lambda _: WatchlistItem.objects.update(notes="x"),
    "queryset.delete": lambda _: WatchlistItem.objects.all().delete(),
    "bulk_create": lambda _: WatchlistItem.objects.bulk_create([WatchlistItem(symbol="INFY")]),
    "bulk_update": bulk_update,
    "update_or_create": lambda _: WatchlistItem.objects.update_or_create(
        symbol="TCS", category="hold", defaults={"notes": "x"}
    ),
    "switch": lambda _: WatchlistItem.objects.all().set_active(False),
    "move_to": lambda _: WatchlistItem.objects.all().move_to("long_term"),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_every_write_drops_every_list_of_the_watchlist_and_nothing_else(
    write: Callable[[WatchlistItem], object], item: WatchlistItem, commits: Commits
) -> None:
    fill()
    assert len(kept(WATCHLIST)) == 15

    with commits():
        write(item)

    assert kept(WATCHLIST) == []
    assert len(kept(SIGNALS)) == 2
    assert len(kept(SETTINGS)) == 1


def test_a_table_that_is_registered_for_two_families_by_two_calls_invalidates_both(
    item: WatchlistItem, commits: Commits, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = WatchlistItem._meta.db_table
    monkeypatch.setitem(tables, name, tables[name])  # put back after the test
    signals.invalidate_on_write(WatchlistItem, SETTINGS)
    fill()
    with commits():
        one_by_one(item)
    assert kept(WATCHLIST) == kept(SETTINGS) == []


def test_lists_stay_until_the_commit(item: WatchlistItem, commits: Commits) -> None:
    fill()
    with commits():
        item.delete()
        assert len(kept(WATCHLIST)) == 15
    assert kept(WATCHLIST) == []


def test_a_rolled_back_write_drops_nothing(item: WatchlistItem, commits: Commits) -> None:
    fill()
    with commits(), suppress(ZeroDivisionError), transaction.atomic():
        WatchlistItem.objects.update(notes="x")
        item.delete()
        raise ZeroDivisionError
    assert WatchlistItem.objects.exists()
    assert len(kept(WATCHLIST)) == 15


def test_the_list_after_a_write_shows_it_in_the_old_and_in_the_new_category(
    item: WatchlistItem, commits: Commits
) -> None:
    fill()
    with commits():
        item.category = "long_term"
        item.save()
    assert selectors.watchlist(active="true", category="hold").value == []
    assert [row.symbol for row in selectors.watchlist(active="true", category="long_term").value] == ["TCS"]


@pytest.mark.parametrize(
    ("model", "write", "family"),
    [
        (Signal, lambda: Signal.objects.create(symbol="TCS", signal_type="buy"), SIGNALS),
        (Signal, lambda: Signal.objects.filter(symbol="TCS").transition_to("approved"), SIGNALS),
        (Signal, lambda: Signal.objects.expire_overdue(), SIGNALS),
        (TradingSetting, lambda: TradingSetting.objects.update(description="x"), SETTINGS),
    ],
)
def test_signals_and_settings_are_watched_too(
    model: type[models.Model], write: Callable[[], object], family: Family[Any], commits: Commits
) -> None:
    with commits():
        Signal.objects.create(symbol="TCS", signal_type="buy")
        Signal.objects.create(symbol="INFY", signal_type="buy", expires_at=timezone.now() - timedelta(seconds=1))
    fill()
    with commits():
        write()
    assert kept(family) == []
    assert len(kept(WATCHLIST)) == 15


@pytest.mark.parametrize("action", ["deactivate", "move_to_long_term", "delete_selected"])
def test_admin_actions_drop_the_lists(
    action: str, item: WatchlistItem, commits: Commits, admin_user: User, client: Client
) -> None:
    client.force_login(admin_user)
    fill()
    with commits():
        answer = client.post(
            "/admin/watchlist/watchlistitem/", {"action": action, "_selected_action": [item.pk], "post": "yes"}
        )
    assert answer.status_code == 302
    assert kept(WATCHLIST) == []


def test_a_price_that_is_no_number_hides_no_other_row(commits: Commits, caplog: pytest.LogCaptureFixture) -> None:
    with commits():
        for symbol in ("INFY", "TCS", "WIPRO"):
            WatchlistItem.objects.create(symbol=symbol, category="hold", target_price=Decimal("1500.5"))
    price = "NaN" if connection.vendor == "postgresql" else "much"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE watchlist_watchlistitem SET target_price = %s WHERE symbol = 'TCS'", [price])
    as_committed()
    rows = selectors.watchlist(active="true", category="all").value
    assert [(row.symbol, row.target_price) for row in rows] == [
        ("INFY", Decimal("1500.50")),
        ("TCS", None),
        ("WIPRO", Decimal("1500.50")),
    ]
    if connection.vendor == "sqlite":
        assert "the target price of TCS on NSEEQ (Hold) cannot be read" in caplog.text
