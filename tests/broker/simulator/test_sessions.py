"""Logins, and what happens without one."""

import json
from base64 import urlsafe_b64decode
from datetime import datetime, timedelta

import pytest

from broker.simulator.server.routes import ROUTES
from broker.simulator.server.sessions import checksum
from tests.broker.simulator.caller import IST, Caller, Hands, Simulate

PRIVATE = [(route.verb, route.path.replace("{}", "1")) for route in ROUTES if route.private]


def test_the_checksum_is_that_of_the_known_vector() -> None:
    assert checksum("CL1", "AC1", "SEC") == "8db2cf540885ef68ed0540bdc18576edd8675edc5467ebc8ba614c71f1925e21"


def test_a_token_names_the_account_and_the_midnight_it_dies_at(caller: Caller) -> None:
    claims = json.loads(urlsafe_b64decode(caller.token.split(".")[1] + "=="))
    assert claims["preferred_username"] == "SIM0001"
    assert datetime.fromtimestamp(claims["exp"], tz=IST).isoformat() == "2025-11-21T00:00:00+05:30"


@pytest.mark.parametrize("code", ["WRONG", ""])
def test_a_wrong_code_is_refused_with_stat_and_emsg_inside_http_200(caller: Caller, code: str) -> None:
    refused = caller.log_in(code)
    assert refused["stat"] == "Not_Ok"
    assert set(refused) == {"stat", "emsg"}


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"{}", b'{"checkSum": 5}', {"checkSum": "ü"}])
def test_a_login_without_a_checksum_is_refused_likewise(caller: Caller, body: object) -> None:
    assert caller.content("POST", "/getusersession", body)["stat"] == "Not_Ok"


def test_the_code_may_be_used_again(caller: Caller) -> None:
    first = caller.token
    assert caller.log_in()["userSession"] != first
    assert caller.send("GET", "/profile").status == 200


@pytest.mark.parametrize(("method", "path"), PRIVATE)
@pytest.mark.parametrize("token", ["", "unknown"])
def test_without_a_live_session_a_call_is_401(caller: Caller, method: str, path: str, token: str) -> None:
    caller.token = token
    assert caller.send(method, path).status == 401


def test_a_session_dies_at_midnight(caller: Caller, hands: Hands) -> None:
    hands.now = hands.now.replace(hour=23, minute=59, second=59)
    assert caller.send("GET", "/profile").status == 200
    hands.now += timedelta(seconds=1)
    assert caller.send("GET", "/profile").status == 401


def test_a_session_ends_with_the_logout(caller: Caller) -> None:
    assert caller.get("/profile")["clientId"] == "S*****1"
    assert caller.content("POST", "/profile/logout")["status"] == "Ok"
    assert caller.send("GET", "/profile").status == 401


def test_all_sessions_can_be_ended_at_once(caller: Caller) -> None:
    caller.simulator.sessions.close_all()
    assert caller.send("GET", "/profile").status == 401


def test_another_account_can_be_chosen(simulate: Simulate, caller: Caller) -> None:
    other = Caller(simulate(client_id="AB12", app_secret="s", auth_code="c"))
    answer = other.content("POST", "/getusersession", {"checkSum": checksum("AB12", "c", "s")})
    assert answer["status"] == "Ok"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/orders/1/2", 404),
        ("GET", "/orders/", 404),
        ("PATCH", "/orders", 405),
    ],
)
def test_unknown_paths_are_404_and_wrong_verbs_405(caller: Caller, method: str, path: str, status: int) -> None:
    assert caller.send(method, path).status == status
