"""The status page, as a server sees it: what is down never takes it down."""

import time
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from broker.iifl import client as client_of_broker
from broker.iifl import endpoints
from broker.simulator import Simulator
from testservers.redis_server import RedisServer
from tradingsite import pages

pytestmark = pytest.mark.django_db


def parts(client: Client) -> dict[str, bool]:
    answer = client.get("/status")
    assert answer.status_code == 200
    return {part.name: part.up for part in answer.context["parts"]}


def test_all_parts_are_up(client: Client, simulator: Simulator, redis_store: RedisServer) -> None:
    assert parts(client) == {"Broker": True, "Database": True, "Cache": True}


def test_a_broker_that_fails_is_down(client: Client, simulator: Simulator) -> None:
    simulator.fail("all", "500")
    assert parts(client) == {"Broker": False, "Database": True, "Cache": False}


def test_a_broker_that_hangs_is_down_soon(client: Client, simulator: Simulator) -> None:
    simulator.fail("profile", "slow:60000")
    client_of_broker.default_client().require_session()
    started = time.monotonic()
    assert parts(client)["Broker"] is False
    assert time.monotonic() - started < 2 * endpoints.PROBE.timeout


def test_a_broker_for_which_too_many_wait_is_down(client: Client, simulator: Simulator, settings: Settings) -> None:
    settings.CACHE_MAX_LOADS = 0
    assert parts(client)["Broker"] is False


def test_a_database_that_fails_is_down(
    client: Client, simulator: Simulator, redis_store: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "database_is_up", lambda: False)
    assert parts(client)["Database"] is False


def test_what_is_wrong_is_for_staff_alone(client: Client, simulator: Simulator, admin_user: User) -> None:
    assert "Answers come from their sources" not in client.get("/status").content.decode()
    client.force_login(admin_user)
    assert "Answers come from their sources" in client.get("/status").content.decode()


def test_which_account_it_is_is_for_those_who_may_see_it(
    client: Client, simulator: Simulator, settings: Settings, make_user: Callable[..., User]
) -> None:
    settings.IIFL_SIMULATED, settings.IIFL_CLIENT_ID = False, "AB1234"
    assert "AB1234" not in client.get("/status").content.decode()
    client.force_login(make_user("clerk", is_staff=True))
    assert "AB1234" not in client.get("/status").content.decode()
    client.force_login(make_user("holder", "broker.view_account"))
    assert "AB1234" in client.get("/status").content.decode()


def test_the_browser_finds_an_icon(client: Client) -> None:
    assert client.get("/favicon.ico").headers["Location"] == "/static/tradingsite/icon.svg"


@pytest.mark.parametrize(("clock", "says"), [("replay", True), ("live", False)])
def test_it_says_that_the_simulator_repeats_a_session(
    client: Client, simulator: Simulator, settings: Settings, clock: str, says: bool
) -> None:
    settings.SIMULATOR_CLOCK = clock
    assert ("repeats the last session while the market is closed" in client.get("/status").content.decode()) == says
