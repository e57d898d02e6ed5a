"""Judging in the feed's process: prices in, fired alerts and messages out."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection
from pytest_django.fixtures import Settings

from alerts import services
from alerts.delivery import outbox
from alerts.models import AlertDelivery, DeliveryState, PriceAlert, State
from alerts.watcher import AlertWatcher, price_of
from broker.values import PriceState, Quote
from tests.alerts.conftest import NOW, MakeAlert
from tests.support.waiting import eventually

pytestmark = pytest.mark.django_db


def quote(ltp: str, *, second: int = 0, change: str | None = None, **fields: Any) -> Quote:
    values: dict[str, Any] = {
        "exchange": "NSEEQ",
        "symbol": "RELIANCE",
        "instrument_id": "2885",
        "ltp": Decimal(ltp),
        "open": None,
        "high": None,
        "low": None,
        "previous_close": None,
        "change_percent": None if change is None else Decimal(change),
        "volume": None,
        "average_price": None,
        "bid_price": None,
        "bid_quantity": None,
        "ask_price": None,
        "ask_quantity": None,
        "quoted_at": None,
        "exchange_time": NOW + timedelta(seconds=second),
        "received_at": NOW + timedelta(seconds=second),
        "state": PriceState.LIVE,
    }
    return Quote(**values | fields)


@pytest.fixture
def watcher() -> AlertWatcher:
    return AlertWatcher()


def states() -> list[str]:
    return list(PriceAlert.objects.order_by("pk").values_list("state", flat=True))


def test_a_crossing_fires_the_alert_once(watcher: AlertWatcher, make_alert: MakeAlert) -> None:
    alert = make_alert()
    watcher.step()
    for second, ltp in enumerate(("2899", "2901", "2899", "2902")):
        watcher.on_quotes([quote(ltp, second=second)])
        watcher.step()
    alert.refresh_from_db()
    assert (alert.state, alert.fired_price) == (State.FIRED, Decimal(2901))
    assert AlertDelivery.objects.count() == 1


def test_prices_between_two_steps_all_count(watcher: AlertWatcher, make_alert: MakeAlert) -> None:
    make_alert(armed=None)
    watcher.step()
    watcher.on_quotes([quote("2950"), quote("2899", second=1), quote("2900", second=2), quote("2800", second=3)])
    watcher.step()
    assert states() == [State.FIRED]


@pytest.mark.parametrize("state", [PriceState.LATE, PriceState.CLOSED, PriceState.POLLED])
def test_a_price_that_is_not_live_fires_nothing(
    watcher: AlertWatcher, make_alert: MakeAlert, state: PriceState
) -> None:
    make_alert()
    watcher.step()
    watcher.on_quotes([quote("2950", state=state)])
    watcher.step()
    assert states() == [State.ACTIVE]


def test_a_price_without_a_time_is_not_judged() -> None:
    assert price_of(quote("2950", exchange_time=None)) is None


def test_a_restart_neither_loses_nor_repeats_a_crossing(watcher: AlertWatcher, make_alert: MakeAlert) -> None:
    make_alert(armed=False)
    watcher.step()
    watcher.on_quotes([quote("2899")])  # arms it
    watcher.step()
    second = AlertWatcher()
    second.step()
    second.on_quotes([quote("2950", second=60)])
    second.step()
    assert states() == [State.FIRED]
    third = AlertWatcher()
    third.step()
    third.on_quotes([quote("2899", second=120), quote("2950", second=121)])
    third.step()
    assert AlertDelivery.objects.count() == 1


def test_two_processes_fire_it_once(make_alert: MakeAlert) -> None:
    make_alert()
    watchers = [AlertWatcher(), AlertWatcher()]
    for each in watchers:
        each.step()
    for each in watchers:
        each.on_quotes([quote("2950")])
    for each in watchers:
        each.step()
    assert states() == [State.FIRED]
    assert AlertDelivery.objects.count() == 1


def test_a_new_alert_is_watched_and_a_deleted_one_is_not(watcher: AlertWatcher, make_alert: MakeAlert) -> None:
    watcher.step()
    gone, new = make_alert(), make_alert(value=Decimal(2910))
    watcher.step()
    gone.delete()
    watcher.step()
    watcher.on_quotes([quote("2950")])
    watcher.step()
    new.refresh_from_db()
    assert new.state == State.FIRED


def test_what_was_judged_is_written_when_the_database_is_back(
    watcher: AlertWatcher, make_alert: MakeAlert, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_alert()
    watcher.step()
    watcher.on_quotes([quote("2950")])

    def refuse(*_: object, **__: object) -> None:
        raise DatabaseError("the database is restarted")

    with monkeypatch.context() as broken:
        broken.setattr(services, "fire", refuse)
        broken.setattr("alerts.watcher.connections.close_all", lambda: None)
        watcher.step()
    assert states() == [State.ACTIVE]
    watcher.on_quotes([quote("2800", second=1)])
    watcher.step()
    assert states() == [State.FIRED]
    assert PriceAlert.objects.get().fired_price == Decimal(2950)


def test_a_decision_outlives_a_reload(watcher: AlertWatcher, make_alert: MakeAlert) -> None:
    """Between a reload's read and its end, the feed's thread may judge: what it judged is not judged again."""
    make_alert()
    watcher.step()
    watcher.on_quotes([quote("2950")])
    make_alert(value=Decimal(5000))
    watcher.step()  # reads both alerts, the first still active
    watcher.on_quotes([quote("2899", second=1), quote("2960", second=2)])
    watcher.step()
    assert states() == [State.FIRED, State.ACTIVE]
    assert AlertDelivery.objects.count() == 1


def test_a_days_change_fires_too(watcher: AlertWatcher, make_alert: MakeAlert) -> None:
    make_alert(kind="change_below", value=Decimal("-2.5"))
    watcher.step()
    watcher.on_quotes([quote("100", change="-2.49"), quote("99", change="-2.5", second=1)])
    watcher.step()
    assert PriceAlert.objects.get().fired_change_percent == Decimal("-2.50")


@pytest.mark.django_db(transaction=True)
def test_started_it_delivers_by_itself(
    watcher: AlertWatcher, make_alert: MakeAlert, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.ALERT_INTERVAL = 0.05
    if connection.vendor != "postgresql":
        pytest.skip("SQLite's test database is in memory and serves one thread")
    sent: list[int] = []
    monkeypatch.setattr(outbox, "SENDERS", {"event": lambda delivery: sent.append(delivery.alert_id)})
    alert = make_alert()
    watcher.start()
    try:
        eventually(lambda: len(watcher) == 1)
        watcher.on_quotes([quote("2950")])
        eventually(lambda: AlertDelivery.objects.filter(state=DeliveryState.DELIVERED).exists())
    finally:
        watcher.stop()
    assert sent == [alert.pk]
