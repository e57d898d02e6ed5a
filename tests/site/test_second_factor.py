"""A second factor: what REQUIRE_TOTP_FOR names is held only in a session that has shown a code."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django.fixtures import Settings

from tests.support.people import client_of

PAGE = "/second-factor/"
BROKER = "/admin/broker/brokersession/"
ORDERS = "/api/broker/orders"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]


@pytest.fixture(autouse=True)
def required(settings: Settings) -> None:
    settings.REQUIRE_TOTP_FOR = ["broker.trade", "broker.log_in"]


@pytest.fixture
def holder(make_user: Callable[..., User]) -> User:
    return make_user("holder", "broker.log_in", "broker.trade", "broker.view_account", is_staff=True)


@pytest.fixture
def browser(client: Client, holder: User) -> Client:
    client.force_login(holder)
    return client


def code_of(user: User, *, steps_later: int = 0) -> str:
    return f"{totp(TOTPDevice.objects.get(user=user).bin_key, drift=steps_later):06}"


def set_up(browser: Client, user: User) -> None:
    browser.post(PAGE, {"set_up": "1"})
    browser.post(PAGE, {"code": code_of(user)})


def test_without_a_code_neither_the_brokers_login_nor_an_order_is_allowed(browser: Client) -> None:
    page = browser.get(BROKER, headers={"Accept": "text/html"})
    assert page["Location"] == f"{PAGE}?next=%2Fadmin%2Fbroker%2Fbrokersession%2F"
    assert browser.post(BROKER, {"begin_login": "1"}).status_code == 403
    assert browser.get("/broker/callback/", {"authcode": "x"}).status_code == 403
    answer = browser.post(ORDERS, "{}", content_type="application/json", headers={"Idempotency-Key": "1"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "second_factor_required")


def test_an_authenticator_is_set_up_on_a_page_and_its_code_opens_what_was_withheld(
    browser: Client, holder: User
) -> None:
    assert "You have no authenticator yet" in browser.get(PAGE).content.decode()
    browser.post(PAGE, {"set_up": "1"})
    page = browser.get(PAGE).content.decode()
    assert "<svg" in page
    assert browser.get(BROKER).status_code == 403  # it is not confirmed yet
    answer = browser.post(PAGE, {"code": code_of(holder), "next": BROKER})
    assert answer["Location"] == BROKER
    assert browser.get(BROKER).status_code == 200
    answer = browser.post(ORDERS, "{}", content_type="application/json", headers={"Idempotency-Key": "1"})
    assert answer.status_code == 400  # an order without a symbol, and no longer a refusal
    assert TOTPDevice.objects.get(user=holder).key not in browser.get(PAGE).content.decode()


def test_the_next_session_needs_a_code_again_and_no_code_counts_twice(browser: Client, holder: User) -> None:
    set_up(browser, holder)
    used = code_of(holder)
    other = Client()
    other.force_login(holder)
    assert other.get(BROKER).status_code == 403
    other.post(PAGE, {"code": used})
    assert other.get(BROKER).status_code == 403
    TOTPDevice.objects.update(throttling_failure_count=0)
    other.post(PAGE, {"code": code_of(holder, steps_later=1)})
    assert other.get(BROKER).status_code == 200


def test_codes_cannot_be_guessed(browser: Client, holder: User) -> None:
    set_up(browser, holder)
    other = Client()
    other.force_login(holder)
    other.post(PAGE, {"code": "000000"})
    other.post(PAGE, {"code": code_of(holder, steps_later=1)})  # right, and too soon after a wrong one
    assert other.get(BROKER).status_code == 403


def test_a_second_authenticator_is_not_set_up_beside_the_first(browser: Client, holder: User) -> None:
    set_up(browser, holder)
    other = Client()
    other.force_login(holder)
    other.post(PAGE, {"set_up": "1"})
    assert TOTPDevice.objects.filter(user=holder).count() == 1
    assert other.get(BROKER).status_code == 403


def test_a_device_that_was_deleted_opens_nothing(browser: Client, holder: User) -> None:
    set_up(browser, holder)
    TOTPDevice.objects.all().delete()
    assert browser.get(BROKER).status_code == 403


def test_a_superuser_without_a_code_cannot_give_themselves_what_is_withheld(
    client: Client, make_user: Callable[..., User]
) -> None:
    boss = make_user("boss", is_staff=True, is_superuser=True)
    client.force_login(boss)
    for page in (BROKER, "/admin/otp_totp/totpdevice/", "/admin/auth/user/add/", f"/admin/auth/user/{boss.pk}/change/"):
        assert client.get(page).status_code == 403, page
    set_up(client, boss)
    for page in (BROKER, "/admin/otp_totp/totpdevice/", "/admin/auth/user/add/"):
        assert client.get(page).status_code == 200, page


def test_what_is_not_named_takes_no_code(browser: Client, settings: Settings) -> None:
    assert browser.get("/api/watchlist").status_code == 200
    settings.REQUIRE_TOTP_FOR = ["broker.trade"]
    assert browser.get(BROKER).status_code == 200
    settings.REQUIRE_TOTP_FOR = []
    answer = browser.post(ORDERS, "{}", content_type="application/json", headers={"Idempotency-Key": "1"})
    assert answer.status_code == 400


def test_a_token_is_not_asked_for_a_code(holder: User) -> None:
    assert client_of(holder).post(ORDERS, {}, headers={"Idempotency-Key": "1"}).status_code == 400


@pytest.mark.parametrize("target", ["https://elsewhere.test/", "//elsewhere.test/", "javascript:alert(1)"])
def test_the_page_leads_to_no_other_site(browser: Client, holder: User, target: str) -> None:
    browser.post(PAGE, {"set_up": "1"})
    answer = browser.post(PAGE, {"code": code_of(holder), "next": target})
    assert answer["Location"] == PAGE
    assert target not in browser.get(PAGE, {"next": target}).content.decode()


def test_the_page_is_for_people_who_are_logged_in() -> None:
    assert Client().get(PAGE)["Location"].startswith("/login")


def test_an_order_of_a_session_needs_trading_rights_with_a_code_too(
    make_user: Callable[..., User], client: Client
) -> None:
    clerk = make_user("clerk", "broker.view_account")
    client.force_login(clerk)
    set_up(client, clerk)
    answer = client.post(ORDERS, "{}", content_type="application/json", headers={"Idempotency-Key": "1"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "permission_denied")
