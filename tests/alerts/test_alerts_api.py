"""/api/alerts: everybody with their own alerts, staff with all."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection, connections
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from alerts import services
from alerts.models import PriceAlert, State
from broker.simulator import Simulator
from systemcache.models import ApiToken
from tests.alerts.conftest import NOW, MakeAlert
from tests.support.people import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("simulator")]

URL = "/api/alerts"
FAR_ABOVE = {"symbol": "RELIANCE", "kind": "above", "value": "1000000.00"}


@pytest.fixture
def api(owner: User) -> APIClient:
    return client_of(owner)


@pytest.fixture
def boss(make_user: Callable[..., User]) -> APIClient:
    return client_of(make_user("boss", "broker.view_account", "alerts.delete_pricealert", is_staff=True))


@pytest.fixture
def neighbour(make_user: Callable[..., User]) -> APIClient:
    return client_of(make_user("neighbour", "broker.view_account", "alerts.delete_pricealert"))


def rows(api: APIClient, query: str = "") -> list[dict[str, Any]]:
    answer = api.get(URL + query)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def test_an_alert_is_made_and_listed(api: APIClient) -> None:
    made = api.post(URL, {**FAR_ABOVE, "note": "Sell half"})
    assert made.status_code == 201, made.content
    row = made.json()
    assert row | {"id": 0, "created_at": ""} == {
        "id": 0,
        "user": "owner",
        "symbol": "RELIANCE",
        "exchange": "NSEEQ",
        "instrument_id": "2885",
        "kind": "above",
        "value": "1000000.00",
        "note": "Sell half",
        "email": False,
        "webhook_url": "",
        "state": "active",
        "armed": True,
        "created_at": "",
        "fired_at": None,
        "fired_price": None,
        "fired_change_percent": None,
        "deliveries": [],
    }
    assert rows(api) == [row]
    assert api.get(f"{URL}/{row['id']}").json() == row


def test_a_symbol_is_stored_as_the_contract_file_writes_it(api: APIClient) -> None:
    assert api.post(URL, {**FAR_ABOVE, "symbol": "reliance-eq"}).json()["symbol"] == "RELIANCE"


def test_a_price_past_the_value_leaves_the_alert_waiting_for_it_to_come_back(api: APIClient) -> None:
    assert api.post(URL, {"symbol": "RELIANCE", "kind": "above", "value": "0.05"}).json()["armed"] is False


def test_without_a_price_an_alert_is_made_all_the_same(api: APIClient, simulator: Simulator) -> None:
    assert api.post(URL, FAR_ABOVE).status_code == 201  # fetches the contract file
    simulator.fail("marketquotes", "503")
    assert api.post(URL, {**FAR_ABOVE, "symbol": "INFY"}).json()["armed"] is None


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("symbol", {"symbol": "NOSUCH"}),
        ("exchange", {"exchange": "NYSE"}),
        ("kind", {"kind": "near"}),
        ("value", {"value": "0"}),
        ("value", {"value": "-5"}),
        ("value", {"value": "1e3"}),
        ("value", {"value": "1_0"}),
        ("note", {"note": "x" * 201}),
        ("state", {"stat": "fired"}),
        ("email", {"email": True}),
        ("webhook_url", {"webhook_url": "https://example.com/hook"}),
    ],
)
def test_bad_input_is_a_400_that_names_the_field(
    api: APIClient, owner: User, field: str, values: dict[str, Any]
) -> None:
    owner.email = ""
    owner.save()
    answer = api.post(URL, FAR_ABOVE | values)
    assert answer.status_code == 400, answer.content
    assert set(answer.json()["error"]["detail"]) <= {field, "stat"}
    assert not PriceAlert.objects.exists()


def test_a_days_change_may_be_a_fall(api: APIClient) -> None:
    made = api.post(URL, {"symbol": "RELIANCE", "kind": "change_below", "value": "-2.5"})
    assert (made.status_code, made.json()["value"]) == (201, "-2.50")


def test_what_the_site_decides_cannot_be_set(api: APIClient) -> None:
    made = api.post(URL, {**FAR_ABOVE, "state": "fired", "armed": False, "user": "boss", "fired_price": "1"}).json()
    assert (made["state"], made["armed"], made["user"], made["fired_price"]) == ("active", True, "owner", None)


def test_channels_are_offered_where_the_site_has_them(api: APIClient, webhooks: None) -> None:
    made = api.post(URL, {**FAR_ABOVE, "email": True, "webhook_url": "http://127.0.0.1:9/hook"})
    assert made.status_code == 201, made.content
    assert (made.json()["email"], made.json()["webhook_url"]) == (True, "http://127.0.0.1:9/hook")


def test_without_a_mail_server_no_mail_is_promised(api: APIClient, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    answer = api.post(URL, {**FAR_ABOVE, "email": True})
    assert answer.json()["error"]["message"] == "email: This site sends no e-mail: EMAIL_URL is not set."


def test_everybody_sees_their_own_and_staff_all(
    api: APIClient, neighbour: APIClient, boss: APIClient, make_alert: MakeAlert
) -> None:
    alert = make_alert()
    assert [row["id"] for row in rows(api)] == [alert.pk]
    assert rows(neighbour) == []
    assert neighbour.get(f"{URL}/{alert.pk}").status_code == 404
    assert neighbour.delete(f"{URL}/{alert.pk}").status_code == 404
    assert [row["id"] for row in rows(boss)] == [alert.pk]
    assert boss.get(f"{URL}/{alert.pk}").status_code == 200


@pytest.mark.usefixtures("redis_store")
def test_nobody_gets_anothers_list_out_of_the_cache(
    api: APIClient, neighbour: APIClient, boss: APIClient, make_alert: MakeAlert
) -> None:
    alert = make_alert()
    for _ in range(3):  # a miss, a hit, and what a fast path would show
        assert [row["id"] for row in rows(api)] == [alert.pk]
        assert rows(neighbour) == []
        assert [row["id"] for row in rows(boss)] == [alert.pk]


def test_a_login_that_may_not_see_the_account_sees_no_alerts(stranger: APIClient, anonymous: APIClient) -> None:
    assert stranger.get(URL).status_code == 403
    assert anonymous.get(URL).status_code == 401


def test_making_and_deleting_take_the_models_permissions(trader: APIClient, owner: User) -> None:
    assert trader.post(URL, FAR_ABOVE).status_code == 403
    assert trader.delete(f"{URL}/1").status_code == 403
    read_only = APIClient()
    read_only.credentials(HTTP_AUTHORIZATION=f"Token {ApiToken.issue(owner, 'reader', 'read')}")
    assert read_only.get(URL).status_code == 200
    assert read_only.post(URL, FAR_ABOVE).status_code == 403


def test_alerts_are_listed_by_state_the_active_ones_first(api: APIClient, make_alert: MakeAlert) -> None:
    old, new, active = make_alert(), make_alert(), make_alert()
    for alert, minutes in ((old, 2), (new, 1)):
        services.fire(alert.pk, at=NOW - timedelta(minutes=minutes), price=Decimal(2901), change_percent=None)
    assert [row["id"] for row in rows(api)] == [active.pk, new.pk, old.pk]
    assert [row["id"] for row in rows(api, "?state=fired")] == [new.pk, old.pk]
    assert [row["id"] for row in rows(api, "?state=active")] == [active.pk]
    assert api.get(f"{URL}?state=gone").status_code == 400


def test_a_deleted_alert_is_gone(api: APIClient, make_alert: MakeAlert) -> None:
    alert = make_alert()
    assert api.delete(f"{URL}/{alert.pk}").status_code == 204
    assert api.get(f"{URL}/{alert.pk}").status_code == 404
    assert rows(api) == []


def test_an_alert_is_not_changed_but_made_anew(api: APIClient, owner: User, make_alert: MakeAlert) -> None:
    alert = make_alert()
    owner.user_permissions.add(Permission.objects.get(codename="change_pricealert"))
    assert api.put(f"{URL}/{alert.pk}", FAR_ABOVE).status_code == 405
    assert api.patch(f"{URL}/{alert.pk}", {"value": "1"}).status_code == 405


def test_a_user_has_at_most_so_many(api: APIClient, make_alert: MakeAlert, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_ACTIVE", 1)
    alert = make_alert()
    answer = api.post(URL, FAR_ABOVE)
    assert answer.status_code == 400
    assert "1 active alerts" in answer.json()["error"]["message"]
    services.fire(alert.pk, at=NOW, price=Decimal(2901), change_percent=None)
    assert api.post(URL, FAR_ABOVE).status_code == 201


# --- firing ------------------------------------------------------------------------------------------------


def test_an_alert_that_fires_says_when_and_at_what(api: APIClient, make_alert: MakeAlert) -> None:
    alert = make_alert(email=True, webhook_url="https://example.com/hook")
    assert services.fire(alert.pk, at=NOW, price=Decimal("2905.5"), change_percent=Decimal("1.25"))
    (row,) = rows(api)
    assert (row["state"], row["fired_at"]) == ("fired", "2026-01-08T11:00:00+05:30")
    assert (row["fired_price"], row["fired_change_percent"]) == ("2905.50", "1.25")
    assert [(item["channel"], item["state"]) for item in row["deliveries"]] == [
        ("event", "pending"),
        ("email", "pending"),
        ("webhook", "pending"),
    ]


def test_an_alert_fires_once(make_alert: MakeAlert) -> None:
    alert = make_alert()
    fired = [services.fire(alert.pk, at=NOW, price=Decimal(2905), change_percent=None) for _ in range(2)]
    assert fired == [True, False]
    assert alert.deliveries.count() == 1


def test_a_deleted_alert_does_not_fire(make_alert: MakeAlert) -> None:
    alert = make_alert()
    PriceAlert.objects.all().delete()
    assert not services.fire(alert.pk, at=NOW, price=Decimal(2905), change_percent=None)


def test_a_fired_alert_is_not_armed_again(make_alert: MakeAlert) -> None:
    alert = make_alert()
    services.fire(alert.pk, at=NOW, price=Decimal(2905), change_percent=None)
    services.arm(alert.pk, armed=True)
    alert.refresh_from_db()
    assert (alert.state, alert.armed) == (State.FIRED, False)


def test_of_several_processes_one_fires_it(transactional_db: None, make_alert: MakeAlert) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite's test database is in memory and serves one thread")
    alert = make_alert()
    together = Barrier(6)

    def fire(_: int) -> bool:
        try:
            together.wait(30)
            return services.fire(alert.pk, at=NOW, price=Decimal(2905), change_percent=None)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(fire, range(6))) == [False] * 5 + [True]
    assert alert.deliveries.count() == 1
