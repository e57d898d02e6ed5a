"""The page of alerts, and the form that sets one."""

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from alerts import services
from alerts.models import PriceAlert
from broker import clock
from broker.simulator import Simulator
from testservers.redis_server import RedisServer

pytestmark = pytest.mark.django_db
ALERT = {"symbol": "RELIANCE", "exchange": "NSEEQ", "kind": "above", "value": "1,00,000.50", "note": "Sell half"}


@pytest.fixture
def trader(make_user: Callable[..., User], simulator: Simulator, redis_store: RedisServer, client: Client) -> Client:
    client.force_login(make_user("trader", "broker.view_account", "alerts.add_pricealert", "alerts.delete_pricealert"))
    return client


def text_of(answer: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def test_an_alert_is_set_from_a_rows_form_and_listed(trader: Client) -> None:
    form = trader.get("/alerts/new", {"symbol": "RELIANCE", "exchange": "NSEEQ"})
    assert "Alert on RELIANCE NSEEQ LTP" in text_of(form)
    answer = trader.post("/alerts/new", ALERT, follow=True)
    assert answer.redirect_chain == [("/alerts", 302)]
    text = text_of(answer)
    assert "RELIANCE on NSEEQ: price at or above ₹1,00,000.50: the alert is set." in text
    assert "RELIANCE price at or above ₹1,00,000.50 armed page Sell half" in text


def test_a_dialog_gets_the_form_alone(trader: Client) -> None:
    answer = trader.get("/alerts/new", {"symbol": "RELIANCE"}, headers={"HX-Request": "true"})
    assert "<html" not in answer.content.decode()


@pytest.mark.parametrize(
    ("values", "field"),
    [({"value": "x"}, "value"), ({"value": "0"}, "value"), ({"symbol": "NOSUCH"}, "symbol"), ({"kind": ""}, "kind")],
)
def test_what_is_wrong_is_marked_at_its_field(trader: Client, values: dict[str, str], field: str) -> None:
    answer = trader.post("/alerts/new", ALERT | values)
    assert answer.status_code == 400
    assert re.search(rf'name="{field}"[^>]*aria-invalid="true"', answer.content.decode())
    assert not PriceAlert.objects.exists()


def test_an_alert_that_has_fired_says_when_and_at_what(trader: Client) -> None:
    trader.post("/alerts/new", ALERT)
    services.fire(PriceAlert.objects.get().pk, at=clock.now(), price=Decimal("100001.00"), change_percent=None)
    text = text_of(trader.get("/alerts"))
    assert "No alert is set." in text
    assert "1,00,001.00" in text
    assert "event pending" in text


def test_an_alert_that_has_just_fired_is_said_on_every_page(trader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    trader.post("/alerts/new", ALERT)
    now = clock.now()
    services.fire(PriceAlert.objects.get().pk, at=now, price=Decimal("100001.00"), change_percent=None)
    said = "RELIANCE is at ₹1,00,001.00, at or above ₹1,00,000.50. Sell half"
    for address in ("/", "/holdings", "/orders", "/chart/INFY", "/live/watchlist"):
        assert said in text_of(trader.get(address)), address
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(minutes=6))
    assert said not in text_of(trader.get("/holdings"))


def test_an_alert_is_deleted_after_a_confirmation(trader: Client) -> None:
    trader.post("/alerts/new", ALERT)
    address = f"/alerts/{PriceAlert.objects.get().pk}/delete"
    assert "Delete the alert on RELIANCE?" in text_of(trader.get(address))
    assert PriceAlert.objects.exists()
    assert "the alert is deleted" in text_of(trader.post(address, follow=True))
    assert not PriceAlert.objects.exists()
    assert "deleted already" in text_of(trader.post(address, follow=True))


def test_anothers_alert_is_not_there(trader: Client, make_user: Callable[..., User]) -> None:
    other = PriceAlert.objects.create(
        user=make_user("other"), symbol="TCS", instrument_id="11536", kind="above", value=Decimal(1)
    )
    assert "TCS" not in text_of(trader.get("/alerts"))
    assert trader.post(f"/alerts/{other.pk}/delete").status_code == 404
    assert PriceAlert.objects.exists()


def test_a_viewer_sees_the_page_and_sets_nothing(
    make_user: Callable[..., User], simulator: Simulator, redis_store: RedisServer, client: Client
) -> None:
    client.force_login(make_user("viewer", "broker.view_account"))
    assert "New alert" not in text_of(client.get("/alerts"))
    assert client.post("/alerts/new", ALERT).status_code == 403
