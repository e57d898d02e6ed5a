"""The broker fails, refuses or has no session: what callers are told, and what nobody is."""

import pytest
from pytest_django.fixtures import Settings
from redis import Redis
from rest_framework.test import APIClient

from broker import gateway, quotes
from broker.contracts import master, refresh
from broker.iifl import endpoints
from broker.iifl.client import Client
from broker.iifl.session import TokenStore
from broker.iifl.transport import HTTPTransport
from broker.orders import book
from broker.simulator import Simulator
from systemcache import process_state
from tests.broker.routes import ROUTES, assert_error

ASKED_OF = {  # our route: the broker's
    "holdings": "holdings",
    "positions": "positions",
    "margins": "limits",
    "orders": "orders",
    "trades": "trades",
    "profile": "profile",
    "candles": "historicaldata",
    "contracts": "contractfiles",
    "quotes": "marketquotes",
    "portfolio-summary": "holdings",
    "portfolio-risk": "positions",
}
FAULTS = [
    # fault, status, code, Retry-After
    ("429", 503, "broker_busy", "1"),
    ("500", 503, "broker_unreachable", "5"),
    ("503", 503, "broker_unreachable", "5"),
    ("drop", 503, "broker_unreachable", "5"),
    ("truncated", 503, "broker_unreachable", "5"),
    ("not-json", 502, "broker_answer_unclear", None),
    ("404", 502, "broker_answer_unclear", None),
    ("EC500", 502, "broker_ip_not_allowed", None),
    ("EC003:object", 502, "broker_refused", None),
    ("EC003:list", 502, "broker_refused", None),
]


@pytest.fixture(autouse=True)
def hasty(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client does not pause between its tries."""
    monkeypatch.setattr(refresh, "REQUEST_RETRY_DELAYS", (0.0,))
    client = Client(HTTPTransport(simulator.base_url), TokenStore())
    for module in (gateway, quotes, master, book):
        monkeypatch.setattr(module, "default_client", lambda: client)


@pytest.mark.parametrize(("fault", "status", "code", "retry_after"), FAULTS, ids=[fault[0] for fault in FAULTS])
@pytest.mark.parametrize("name", ["holdings", "margins", "candles", "contracts", "quotes", "portfolio-summary"])
def test_a_fault_of_the_broker_is_an_error_of_its_kind_and_passes(
    simulator: Simulator,
    redis: Redis,
    trader: APIClient,
    name: str,
    fault: str,
    status: int,
    code: str,
    retry_after: str | None,
) -> None:
    simulator.fail(ASKED_OF[name], fault)
    response = trader.get(ROUTES[name])
    assert_error(response, status, code)
    assert response.headers.get("Retry-After") == retry_after
    simulator.clear_faults()
    process_state.reset()  # a moment later
    assert trader.get(ROUTES[name])["X-Cache"] == "miss"


@pytest.mark.parametrize("name", ROUTES)
def test_every_route_survives_a_broker_that_is_down(simulator: Simulator, trader: APIClient, name: str) -> None:
    simulator.fail("all", "500")
    assert_error(trader.get(ROUTES[name]), 503, "broker_unreachable")


def test_a_refusal_names_the_brokers_code(simulator: Simulator, trader: APIClient) -> None:
    simulator.fail("holdings", "EC921")
    error = assert_error(trader.get("/api/broker/holdings"), 502, "broker_refused")
    assert error["detail"] == {"ec": "EC921"}
    assert "EC921" in error["message"]


def test_a_silent_broker_is_a_504(simulator: Simulator, trader: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    trader.get("/api/broker/margins")  # the login is not what shall hang
    monkeypatch.setattr(
        endpoints, "HOLDINGS", endpoints.Endpoint("holdings", "holdings", "GET", "/holdings", timeout=0.2)
    )
    simulator.fail("holdings", "hang", times=1)
    response = trader.get("/api/broker/holdings")
    assert_error(response, 504, "broker_timeout")
    assert [call.route for call in simulator.calls].count("holdings") == 1


@pytest.mark.parametrize("name", ROUTES)
def test_while_the_broker_is_down_cached_values_are_served(
    simulator: Simulator, redis: Redis, trader: APIClient, settings: Settings, name: str
) -> None:
    settings.CACHE_TTLS = {**settings.CACHE_TTLS, "quotes": 60}
    kept = trader.get(ROUTES[name])
    simulator.fail("all", "503")
    again = trader.get(ROUTES[name])
    assert (again.status_code, again["X-Cache"], again.content) == (200, "hit", kept.content)


@pytest.mark.parametrize("name", [name for name in ROUTES if name != "contracts"])
def test_a_real_account_without_a_session_is_told_to_log_in(
    simulator: Simulator, redis: Redis, trader: APIClient, settings: Settings, name: str
) -> None:
    settings.IIFL_SIMULATED = False
    error = assert_error(trader.get(ROUTES[name]), 503, "broker_login_required")
    assert "manage.py brokerlogin" in error["message"]
    # The contract file is public: a symbol may be looked up in it.
    by_symbol = name in ("candles", "quotes", "depth", "openinterest")
    assert {call.route for call in simulator.calls} <= ({"contractfiles"} if by_symbol else set())


def test_contracts_need_no_session(simulator: Simulator, trader: APIClient, settings: Settings) -> None:
    settings.IIFL_SIMULATED = False
    assert trader.get(ROUTES["contracts"]).status_code == 200


def secrets_of(trader: APIClient) -> list[str]:
    session = TokenStore().current()
    assert session
    api_token = trader.get(ROUTES["contracts"]).wsgi_request.META["HTTP_AUTHORIZATION"]
    return [session, "simulator-secret", api_token.removeprefix("Token ")]


@pytest.mark.parametrize("fault", [*(fault for fault, *_ in FAULTS), "401", "EC044", "hang"])
def test_no_secret_enters_an_error_or_the_log(
    simulator: Simulator,
    redis: Redis,
    trader: APIClient,
    logs: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    assert trader.get("/api/broker/margins").status_code == 200
    secrets = secrets_of(trader)
    monkeypatch.setattr(
        endpoints, "HOLDINGS", endpoints.Endpoint("holdings", "holdings", "GET", "/holdings", timeout=0.2)
    )
    simulator.fail("holdings", fault)
    response = trader.get("/api/broker/holdings")
    assert response.status_code >= 500
    assert response.json()["error"]["code"] in logs.text
    for secret in (*secrets, *secrets_after_a_new_login()):
        assert secret not in response.content.decode()
        assert secret not in logs.text
        assert secret not in str(response.headers)


def secrets_after_a_new_login() -> list[str]:
    session = TokenStore().current()
    return [session] if session else []


def test_a_refused_login_of_the_simulator_is_an_error_and_names_no_secret(
    simulator: Simulator, trader: APIClient, settings: Settings, logs: pytest.LogCaptureFixture
) -> None:
    settings.IIFL_APP_SECRET = "a-wrong-secret"
    response = trader.get("/api/broker/holdings")
    assert_error(response, 503, "broker_login_required")
    assert "a-wrong-secret" not in response.content.decode() + logs.text
