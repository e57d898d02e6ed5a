"""What programs are told of the watchlist and of signals: each committed write, as the REST API shows the row."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from systemcache.storage import event_log
from tests.watchlist.conftest import Commits
from watchlist import services
from watchlist.models import Signal, WatchlistItem

pytestmark = [pytest.mark.usefixtures("redis_store", "market"), pytest.mark.django_db]


@pytest.fixture
def told() -> Callable[[], list[tuple[str, dict[str, Any]]]]:
    """The kinds and rows that programs were told since the last call."""
    place = {"last": event_log.end()}

    def since() -> list[tuple[str, dict[str, Any]]]:
        end = event_log.end()
        page = event_log.after(place["last"], end)
        place["last"] = end
        assert page is not None
        return [(event.kind, json.loads(event.data)) for event in page.events]

    return since


Told = Callable[[], list[tuple[str, dict[str, Any]]]]


def make(symbol: str = "INFY", **fields: Any) -> WatchlistItem:
    return WatchlistItem.objects.create(symbol=symbol, **fields)


def test_a_watched_symbol_is_told_as_the_api_shows_it(owner: APIClient, commits: Commits, told: Told) -> None:
    with commits():
        made = owner.post("/api/watchlist", {"symbol": "INFY", "target_price": "1500"}).json()
    assert told() == [("watchlist", made)]
    with commits():
        changed = owner.patch(f"/api/watchlist/{made['id']}", {"notes": "Bought"}).json()
    assert told() == [("watchlist", changed)]
    with commits():
        owner.delete(f"/api/watchlist/{made['id']}")
    assert told() == [("watchlist", changed | {"is_active": False})]


def test_a_signal_is_told_as_the_api_shows_it(owner: APIClient, commits: Commits, told: Told) -> None:
    with commits():
        made = owner.post("/api/signals", {"symbol": "INFY", "signal_type": "buy"}).json()
    assert told() == [("signal", made)]
    with commits():
        approved = owner.patch(f"/api/signals/{made['id']}", {"status": "approved"}).json()
    assert told() == [("signal", approved)]
    with commits():
        owner.delete(f"/api/signals/{made['id']}")
    assert told() == [("signal", approved)]


def test_rows_that_are_written_at_once_are_told_each(commits: Commits, told: Told) -> None:
    with commits():
        services.add_symbols(symbols=["TCS", "INFY"], category="hold", exchange="NSEEQ")
    assert {row["symbol"] for _, row in told()} == {"TCS", "INFY"}
    with commits():
        services.add_symbols(symbols=["TCS", "LT"], category="hold", exchange="NSEEQ")
    assert "LT" in {row["symbol"] for _, row in told()}
    with commits():
        WatchlistItem.objects.filter(symbol__in=["TCS", "INFY"]).set_active(False)
    assert {(row["symbol"], row["is_active"]) for _, row in told()} == {("TCS", False), ("INFY", False)}
    with commits():
        WatchlistItem.objects.filter(symbol="TCS").move_to("long_term")
    assert [(row["symbol"], row["category"]) for _, row in told()] == [("TCS", "long_term")]
    with commits():
        WatchlistItem.objects.all().delete()
    assert len(told()) == 3


def test_a_row_that_is_written_several_times_is_told_once(commits: Commits, told: Told) -> None:
    with commits():
        item = make()
        item.notes = "Last words"
        item.save()
    assert [row["notes"] for _, row in told()] == ["Last words"]


def test_an_update_of_nothing_tells_nothing(commits: Commits, told: Told) -> None:
    with commits():
        Signal.objects.filter(pk=0).transition_to("approved")
    assert told() == []


@pytest.mark.django_db(transaction=True)
def test_a_savepoint_that_is_rolled_back_takes_its_rows_along(told: Told) -> None:
    with transaction.atomic():
        make("INFY")
        with transaction.atomic():
            make("TCS")
            transaction.set_rollback(True)
        make("LT")
    assert [row["symbol"] for _, row in told()] == ["INFY", "LT"]


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_a_write_is_told_at_once(told: Told) -> None:
    make()
    WatchlistItem.objects.update(notes="All of them")
    assert [row["notes"] for _, row in told()] == ["", "All of them"]
