"""Logging in to the broker: on the admin's page, by the broker's way back, by command. No code is shown again."""

import base64
import json
from collections.abc import Callable
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django.fixtures import Settings

from broker.admin import pending_login
from broker.errors import BrokerLoginRequired
from broker.iifl import endpoints, login
from broker.iifl.client import Client as BrokerClient
from broker.iifl.endpoints import Endpoint
from broker.iifl.session import TokenStore
from broker.models import BrokerSession
from broker.simulator import Simulator
from systemcache import clock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]

PAGE = "/admin/broker/brokersession/"
CALLBACK = "/broker/callback/"
CODE = "SIMULATED"


@pytest.fixture
def holder(make_user: Callable[..., User], client: Client) -> Client:
    """The account's holder, logged in to the site."""
    client.force_login(make_user("holder", "broker.log_in", is_staff=True))
    return client


@pytest.fixture
def begun(holder: Client) -> Client:
    """The account's holder, who has gone to the broker's page from here."""
    assert holder.post(PAGE, {"begin_login": "1"})["Location"] == login.login_url()
    return holder


def logged_in() -> bool:
    return BrokerSession.objects.exists()


def logins(simulator: Simulator) -> int:
    return [call.route for call in simulator.calls].count("getusersession")


def shown(client: Client) -> str:
    return client.get(PAGE).content.decode()


@pytest.mark.parametrize("names", [("authcode", "clientid"), ("authCode", "clientId"), ("AUTHCODE", "CLIENTID")])
def test_the_brokers_way_back_logs_in_however_it_spells_its_names(
    simulator: Simulator, begun: Client, names: tuple[str, str]
) -> None:
    response = begun.get(CALLBACK, dict(zip(names, (CODE, "sim0001"), strict=True)))
    assert (response.status_code, response["Location"]) == (302, PAGE)
    assert response["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response["Cache-Control"]
    assert logged_in()
    assert "Logged in to the broker" in shown(begun)


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({}, "differs from the one registered for the app"),
        ({"authcode": ""}, "differs from the one registered for the app"),
        ({"authcode": CODE, "clientid": "OTHER"}, "another client"),
        ({"authcode": "used-already"}, "refused the login"),
        ({"authcode": "two words"}, "is no code"),
        ({"authcode": "x" * 201}, "is no code"),
    ],
)
def test_a_way_back_that_does_not_log_in_says_why_and_not_with_what(
    simulator: Simulator, begun: Client, parameters: dict[str, str], why: str
) -> None:
    response = begun.get(CALLBACK, parameters, follow=True)
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
    simulator: Simulator, begun: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEBUG = True
    begun.raise_request_exception = False

    def broken(self: BrokerClient, auth_code: str) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(BrokerClient, "login", broken)
    parameters = {"authcode": uuid4().hex}  # made here: the page quotes the lines of this file
    response = begun.get(CALLBACK, parameters)
    assert response.status_code == 500
    assert "RuntimeError" in response.content.decode()
    assert parameters["authcode"] not in response.content.decode()


def test_a_pasted_code_logs_in_once_posted(simulator: Simulator, holder: Client) -> None:
    assert "has no session for today" in shown(holder)
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
    assert login.login_url() == f"https://markets.iiflcapital.com/?v=1&appkey=key&redirecturl={way}&redirectUrl={way}"


def test_the_page_of_a_real_account_leads_to_the_broker(holder: Client, settings: Settings) -> None:
    settings.IIFL_SIMULATED = False
    settings.IIFL_APP_KEY = "key"
    page = holder.get(PAGE)
    assert 'name="begin_login"' in page.content.decode()
    assert "form-action 'self' https://markets.iiflcapital.com/" in page["Content-Security-Policy"]
    assert holder.post(PAGE, {"begin_login": "1"})["Location"] == "https://markets.iiflcapital.com/?v=1&appkey=key"


# --- the login begins here ---------------------------------------------------------------------------------------


def test_a_link_to_the_brokers_way_back_sends_nothing_and_keeps_the_session(
    simulator: Simulator, begun: Client
) -> None:
    begun.get(CALLBACK, {"authcode": CODE})
    kept, sent = BrokerSession.objects.get().ciphertext, len(simulator.calls)
    for code in (CODE, "WRONG"):
        page = begun.get(CALLBACK, {"authcode": code}, headers={"Referer": "https://elsewhere.test/"}, follow=True)
        assert "no login was begun here" in page.content.decode()
    assert len(simulator.calls) == sent
    assert BrokerSession.objects.get().ciphertext == kept


def test_one_login_that_was_begun_takes_one_code_good_or_bad(simulator: Simulator, begun: Client) -> None:
    begun.get(CALLBACK, {"authcode": "WRONG"})
    begun.get(CALLBACK, {"authcode": CODE})
    assert logins(simulator) == 1
    assert not logged_in()


def test_a_login_that_was_begun_is_forgotten_after_ten_minutes(
    simulator: Simulator, begun: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = clock.timestamp() + pending_login.LIFETIME.total_seconds() + 1
    monkeypatch.setattr(clock, "timestamp", lambda: later)
    begun.get(CALLBACK, {"authcode": CODE})
    assert logins(simulator) == 0


def test_a_login_is_begun_in_ones_own_session_alone(
    simulator: Simulator, begun: Client, make_user: Callable[..., User]
) -> None:
    other = Client()
    other.force_login(make_user("other", "broker.log_in", is_staff=True))
    other.get(CALLBACK, {"authcode": CODE})
    assert logins(simulator) == 0


def test_a_login_cannot_be_begun_by_a_form_from_elsewhere(make_user: Callable[..., User]) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(make_user("holder", "broker.log_in", is_staff=True))
    assert browser.post(PAGE, {"begin_login": "1"}).status_code == 403


def jwt(**claims: str) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJIUzI1NiJ9.{payload}.c2ln"


@pytest.mark.parametrize(
    ("token", "shown_id", "ours"),
    [
        (jwt(preferred_username="SIM0001"), "S*****1", True),
        (jwt(preferred_username="sim0001"), "SIM0001", True),
        ("opaque", "s*****1", True),
        (jwt(), "S*****1", True),
        (jwt(preferred_username="SIM0002"), "S*****1", False),
        ("opaque", "T*****1", False),
        ("opaque", "SIM0002", False),
        ("opaque", "", False),
    ],
)
def test_a_session_of_another_account_is_not_kept(token: str, shown_id: str, ours: bool) -> None:
    class Broker:
        def call(self, endpoint: Endpoint, **_: Any) -> Any:
            if endpoint is endpoints.LOGIN:
                return {"status": "Ok", "userSession": token}
            return {"status": "Ok", "result": {"clientId": shown_id}}

    client = BrokerClient(Broker(), TokenStore())  # type: ignore[arg-type]  # makes no downloads
    if ours:
        client.login(CODE)
    else:
        with pytest.raises(BrokerLoginRequired, match="another client"):
            client.login(CODE)
    assert logged_in() is ours


def test_a_session_whose_account_cannot_be_asked_for_is_not_kept(simulator: Simulator, begun: Client) -> None:
    simulator.fail("profile", "500")
    begun.get(CALLBACK, {"authcode": CODE})
    assert not logged_in()


# --- by command --------------------------------------------------------------------------------------------------


def test_the_command_takes_a_code(simulator: Simulator) -> None:
    out = StringIO()
    call_command("brokerlogin", auth_code=CODE, stdout=out)
    assert "until midnight" in out.getvalue()
    assert logged_in()


def test_the_command_reads_a_code_from_its_input(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(f"{CODE}\n"))
    call_command("brokerlogin", auth_code="-", stdout=StringIO())
    assert logged_in()


def test_the_command_says_why_it_could_not_log_in(simulator: Simulator) -> None:
    with pytest.raises(CommandError, match="refused the login"):
        call_command("brokerlogin", auth_code="used-already", stdout=StringIO())


def test_a_refusal_never_quotes_the_code(simulator: Simulator) -> None:
    with pytest.raises(BrokerLoginRequired) as refused:
        login.complete_login({"authcode": "used-already"})
    found: Any = refused.value
    assert "used-already" not in f"{found} {found.detail}"
