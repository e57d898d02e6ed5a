"""Logging in to the broker: on the admin's page, by the broker's way back, by command. No code is shown again."""

from collections.abc import Callable
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django.fixtures import Settings

from broker import login
from broker.client import Client as BrokerClient
from broker.errors import BrokerLoginRequired
from broker.models import BrokerSession
from broker.simulator import Simulator

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]

PAGE = "/admin/broker/brokersession/"
CALLBACK = "/broker/callback/"
CODE = "SIMULATED"


@pytest.fixture
def holder(make_user: Callable[..., User], client: Client) -> Client:
    """The account's holder, logged in to the site."""
    client.force_login(make_user("holder", "broker.log_in", is_staff=True))
    return client


def logged_in() -> bool:
    return BrokerSession.objects.exists()


def logins(simulator: Simulator) -> int:
    return [call.route for call in simulator.calls].count("getusersession")


def shown(client: Client) -> str:
    return client.get(PAGE).content.decode()


@pytest.mark.parametrize("names", [("authcode", "clientid"), ("authCode", "clientId"), ("AUTHCODE", "CLIENTID")])
def test_the_brokers_way_back_logs_in_however_it_spells_its_names(
    simulator: Simulator, holder: Client, names: tuple[str, str]
) -> None:
    response = holder.get(CALLBACK, dict(zip(names, (CODE, "sim0001"), strict=True)))
    assert (response.status_code, response["Location"]) == (302, PAGE)
    assert response["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response["Cache-Control"]
    assert logged_in()
    assert "Logged in at the broker" in shown(holder)


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({}, "differs from the registered one"),
        ({"authcode": ""}, "differs from the registered one"),
        ({"authcode": CODE, "clientid": "OTHER"}, "another client"),
        ({"authcode": "used-already"}, "refused the login"),
    ],
)
def test_a_way_back_that_does_not_log_in_says_why_and_not_with_what(
    simulator: Simulator, holder: Client, parameters: dict[str, str], why: str
) -> None:
    response = holder.get(CALLBACK, parameters, follow=True)
    text = response.content.decode()
    assert why in text
    assert "used-already" not in text
    assert not logged_in()


def test_nobody_but_the_holder_comes_back_and_the_code_is_not_passed_on(
    simulator: Simulator, client: Client, make_user: Callable[..., User]
) -> None:
    for user in (None, make_user("trader", "broker.view_account"), make_user("clerk", is_staff=True)):
        if user:
            client.force_login(user)
        response = client.get(CALLBACK, {"authcode": CODE})
        assert response.status_code == 403
        assert CODE not in response.content.decode()
    assert logins(simulator) == 0


def test_an_error_page_of_the_way_back_shows_no_code(
    simulator: Simulator, holder: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEBUG = True
    holder.raise_request_exception = False

    def broken(self: BrokerClient, auth_code: str) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(BrokerClient, "login", broken)
    parameters = {"authcode": uuid4().hex}  # made here: the page quotes the lines of this file
    response = holder.get(CALLBACK, parameters)
    assert response.status_code == 500
    assert "RuntimeError" in response.content.decode()
    assert parameters["authcode"] not in response.content.decode()


def test_a_pasted_code_logs_in_once_posted(simulator: Simulator, holder: Client) -> None:
    assert "There is no session" in shown(holder)
    assert holder.post(PAGE, {"auth_code": f" {CODE} "}).status_code == 302
    assert logged_in()
    page = shown(holder)
    assert "until" in page
    assert CODE not in page


def test_looking_changes_nothing(simulator: Simulator, holder: Client) -> None:
    holder.get(PAGE, {"auth_code": CODE, "log_out": "1"})
    assert not logged_in()
    assert simulator.calls == ()


def test_logging_out_ends_the_session_here_and_there(simulator: Simulator, holder: Client) -> None:
    holder.post(PAGE, {"auth_code": CODE})
    holder.post(PAGE, {"log_out": "1"})
    assert not logged_in()
    assert simulator.calls[-1].route == "logout"


def test_logging_out_ends_the_session_here_though_the_broker_does_not_answer(
    simulator: Simulator, holder: Client
) -> None:
    holder.post(PAGE, {"auth_code": CODE})
    simulator.fail("logout", "503")
    holder.post(PAGE, {"log_out": "1"})
    assert not logged_in()
    assert "cannot be reached" in shown(holder)


def test_the_page_is_for_who_may_log_in(client: Client, make_user: Callable[..., User]) -> None:
    assert client.get(PAGE)["Location"].startswith("/admin/login/")
    client.force_login(make_user("clerk", is_staff=True))
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {"auth_code": CODE}).status_code == 403
    assert "brokersession" not in client.get("/admin/").content.decode()


def test_a_form_from_elsewhere_is_refused(make_user: Callable[..., User]) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(make_user("holder", "broker.log_in", is_staff=True))
    assert browser.post(PAGE, {"auth_code": CODE}).status_code == 403


def test_the_login_address_names_the_way_back_under_both_spellings(settings: Settings) -> None:
    settings.IIFL_APP_KEY = "key"
    settings.IIFL_REDIRECT_URL = "https://site.test/broker/callback/"
    way = "https%3A%2F%2Fsite.test%2Fbroker%2Fcallback%2F"
    assert login.address() == f"https://markets.iiflcapital.com/?v=1&appkey=key&redirecturl={way}&redirectUrl={way}"


def test_the_page_of_a_real_account_leads_to_the_broker(holder: Client, settings: Settings) -> None:
    settings.IIFL_SIMULATED = False
    settings.IIFL_APP_KEY = "key"
    assert 'href="https://markets.iiflcapital.com/?v=1&amp;appkey=key"' in shown(holder)


def test_the_command_takes_a_code(simulator: Simulator) -> None:
    out = StringIO()
    call_command("brokerlogin", auth_code=CODE, stdout=out)
    assert "until midnight" in out.getvalue()
    assert logged_in()


def test_the_command_says_why_it_could_not_log_in(simulator: Simulator) -> None:
    with pytest.raises(CommandError, match="refused the login"):
        call_command("brokerlogin", auth_code="used-already", stdout=StringIO())


def test_a_refusal_never_quotes_the_code(simulator: Simulator) -> None:
    with pytest.raises(BrokerLoginRequired) as refused:
        login.come_back({"authcode": "used-already"})
    found: Any = refused.value
    assert "used-already" not in f"{found} {found.detail}"
