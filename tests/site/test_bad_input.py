"""What the API says to what it cannot use: one shape, nothing stored, nothing given away."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client

from broker.api.views import HoldingsView
from broker.simulator import Simulator
from systemcache.models import ApiToken
from systemcache.storage import scan
from testservers.redis_server import RedisServer
from watchlist.models import Signal, TradingSetting, WatchlistItem

pytestmark = pytest.mark.django_db

ITEM = {"symbol": "RELIANCE", "category": "hold"}
# Every route that takes a body.
WRITES = [
    ("post", "/api/watchlist"),
    ("put", "/api/watchlist/{item}"),
    ("patch", "/api/watchlist/{item}"),
    ("post", "/api/signals"),
    ("put", "/api/signals/{signal}"),
    ("patch", "/api/signals/{signal}"),
    ("post", "/api/signals/generate"),
    ("put", "/api/settings"),
    ("put", "/api/settings/max_positions"),
]
BODIES: list[str | bytes] = [
    "",
    "not JSON",
    '{"symbol": ',
    b"\xff\xfe\x00",
    "null",
    "[]",
    "[1, 2]",
    '"text"',
    "7",
    "true",
    "{}",
    '{"symbol": NaN}',
    '{"symbol": {"a": 1}, "value": [1], "max_positions": {}}',
    '{"symbol": "a\\u0000b", "value": "a\\u0000b", "max_positions": "\\u0000"}',
    '{"symbol": "*", "value": null, "max_positions": null}',
    '{"symbol": "a:b", "value": 1e999, "max_positions": 1e999}',
    '{"symbol": "\\ud800", "value": "\\ud800", "max_positions": "\\ud800"}',
    "[" * 100_000,
    f'{{"symbol": {"9" * 5000}, "value": {"9" * 5000}}}',
]
every_write = pytest.mark.parametrize(("method", "route"), WRITES)


class Api:
    """An administrator's program, on a site with one row of each kind."""

    def __init__(self) -> None:
        user = User.objects.create_superuser("admin")
        self._client = Client(
            raise_request_exception=False,
            headers={"Authorization": f"Token {ApiToken.issue(user, 'test')}", "Accept": "application/json"},
        )
        self._numbers = {
            "item": WatchlistItem.objects.create(symbol="TCS").pk,
            "signal": Signal.objects.create(symbol="TCS", signal_type="buy").pk,
        }

    def send(self, method: str, route: str, body: bytes | str = b"", kind: str = "application/json") -> Any:
        return self._client.generic(method.upper(), route.format(**self._numbers), body, content_type=kind)

    def get(self, route: str) -> Any:
        return self._client.get(route)


def all_rows() -> list[Any]:
    models: tuple[Any, ...] = (WatchlistItem, Signal, TradingSetting)
    return [list(model.objects.values()) for model in models]


@pytest.fixture
def api(simulator: Simulator) -> Api:
    return Api()


def error(answer: Any, status: int) -> dict[str, Any]:
    """The error, whose shape is the one shape."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/json"
    body = json.loads(answer.content)
    assert set(body) == {"error"}
    found: dict[str, Any] = body["error"]
    assert set(found) == {"code", "message", "detail"}
    assert found["code"]
    assert found["message"]
    return found


@pytest.mark.parametrize(
    ("method", "route", "body"),
    [
        pytest.param(method, route, body, id=f"{method}-{route}-{body[:40]!r}")
        for method, route in WRITES
        for body in BODIES
        if (method, body) not in (("patch", ""), ("patch", "{}"))  # which change nothing
    ],
)
def test_a_body_that_is_not_what_is_wanted_is_a_400_and_nothing_is_stored(
    api: Api, method: str, route: str, body: bytes | str
) -> None:
    before = all_rows()
    error(api.send(method, route, body), 400)
    assert all_rows() == before


@every_write
def test_a_large_body_is_refused_unread(api: Api, method: str, route: str) -> None:
    before = all_rows()
    body = json.dumps({**ITEM, "notes": "x" * 1_000_000})
    assert error(api.send(method, route, body), 413)["code"] == "too_large"
    assert all_rows() == before


@every_write
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "a/b/c"])
def test_another_content_type_is_a_415(api: Api, method: str, route: str, kind: str) -> None:
    before = all_rows()
    error(api.send(method, route, json.dumps(ITEM), kind), 415)
    assert all_rows() == before


@pytest.mark.parametrize(
    ("method", "route"),
    [
        ("put", "/api/watchlist"),
        ("delete", "/api/watchlist"),
        ("post", "/api/watchlist/{item}"),
        ("put", "/api/signals"),
        ("get", "/api/signals/generate"),
        ("post", "/api/settings"),
        ("delete", "/api/settings/max_positions"),
        ("post", "/api/broker/holdings"),
        ("delete", "/api/broker/orders"),
        ("post", "/api/broker/candles"),
        ("post", "/api/portfolio/summary"),
        ("get", "/api/system/cache/clear"),
        ("post", "/api/system/cache/stats"),
        ("post", "/api/system/health"),
        ("post", "/api/"),
        ("post", "/metrics"),
        ("trace", "/api/watchlist"),
    ],
)
def test_another_method_is_a_405(api: Api, method: str, route: str) -> None:
    answer = api.send(method, route, "{}")
    assert error(answer, 405)["code"] == "method_not_allowed"
    assert answer["Allow"]


@pytest.mark.parametrize(
    "route",
    [
        "/api/nonsense",
        "/api/watchlist/0",
        "/api/watchlist/999999",
        "/api/watchlist/99999999999999999999999",
        "/api/watchlist/abc",
        "/api/watchlist/-1",
        "/api/settings/nonsense",
        "/api/broker/nonsense/",
        "/api//watchlist",
        "/api/system/cache",
        "/api/%00",
        "/api/%ff",
    ],
)
@pytest.mark.parametrize("method", ["get", "put"])
def test_an_address_that_does_not_exist_is_a_404(api: Api, method: str, route: str) -> None:
    error(api.send(method, route, json.dumps({**ITEM, "value": 1})), 404)


CANDLES = "/api/broker/candles?symbol={}&interval={}&from={}&to={}"
GOOD = ("RELIANCE", "1d", "2021-12-01", "2021-12-31")
BAD_QUERIES = [
    *(CANDLES.format(symbol, *GOOD[1:]) for symbol in ("*", "a:b", "NOSUCH", "", "%00", "a%0Ab", "x" * 200, "%F0")),
    *(CANDLES.format(GOOD[0], interval, *GOOD[2:]) for interval in ("7m", "", "1D", "*")),
    CANDLES.format("RELIANCE", "1d", "2021-12-31", "2021-12-01"),
    CANDLES.format("RELIANCE", "1d", "2021-02-31", "2021-12-01"),
    CANDLES.format("RELIANCE", "1d", "2021-02-28", "31-12-2021"),
    CANDLES.format("RELIANCE", "1d", "2999-01-01", "2999-01-02"),
    CANDLES.format("RELIANCE", "1d", "0001-01-01", "2021-01-02"),
    CANDLES.format(*GOOD) + "&exchange=NOSUCH",
    "/api/broker/candles",
    "/api/broker/quotes",
    "/api/broker/quotes?symbols=",
    "/api/broker/quotes?symbols=,,",
    "/api/broker/quotes?symbols=RELIANCE,*",
    "/api/broker/quotes?symbols=RELIANCE,a:b",
    "/api/broker/quotes?symbols=NOSUCH",
    "/api/broker/contracts/*",
    "/api/broker/contracts/NSEEQ?page=0",
    "/api/broker/contracts/NSEEQ?page=x",
    "/api/watchlist?active=perhaps",
    "/api/watchlist?category=nonsense",
    "/api/watchlist?category=*",
    "/api/signals?limit=-1",
    "/api/signals?limit=0",
    "/api/signals?limit=x",
    "/api/signals?limit=1e3",
    "/api/signals?status=nonsense",
    "/api/system/cache/keys?cursor=-1",
    "/api/system/cache/keys?cursor=x",
    "/api/system/cache/keys?cursor=99999999999999999999999",
]


@pytest.mark.parametrize("route", BAD_QUERIES)
def test_a_query_that_makes_no_sense_is_a_400_that_stores_nothing(
    api: Api, simulator: Simulator, redis_store: RedisServer, route: str
) -> None:
    unknown = "NOSUCH" in route or "contracts/*" in route
    found = api.get(route)
    assert error(found, found.status_code if found.status_code == 404 and unknown else 400)
    asked = {call.path for call in simulator.calls}
    assert not {path for path in asked if "contract" not in path and "session" not in path}
    stored = [key for page in scan.scan("*") for key in page]
    assert not [key for key in stored if not key.startswith(("auth:token:", "api:contracts:"))]


@pytest.mark.parametrize("query", ["", "?pattern=", "?pattern=*&family=holdings", "?family=nonsense", "?tag=nonsense"])
def test_a_clear_that_is_not_clear_is_a_400(api: Api, redis_store: RedisServer, query: str) -> None:
    error(api.send("post", f"/api/system/cache/clear{query}"), 400)


def test_a_crash_is_a_500_that_says_nothing_of_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash() -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(HoldingsView, "read", staticmethod(crash))
    answer = api.get("/api/broker/holdings")
    found = error(answer, 500)
    assert found["code"] == "server_error"
    assert found["detail"] is None
    assert b"secret" not in answer.content
    assert b"Traceback" not in answer.content


def test_a_database_that_does_not_answer_is_a_503_that_asks_to_come_back(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OperationalError("secret")

    monkeypatch.setattr(HoldingsView, "read", staticmethod(fail))
    answer = api.get("/api/broker/holdings")
    assert error(answer, 503)["code"] == "database_unavailable"
    assert answer.headers["Retry-After"] == "2"
    assert b"secret" not in answer.content


@pytest.mark.parametrize("route", ["/api/watchlist", "/api/broker/holdings", "/metrics"])
@pytest.mark.parametrize("header", ["", "Token", "Token a b", "Token nonsense", "Token \xff", "Basic YTpi"])
def test_who_is_not_known_gets_a_401(client: Client, route: str, header: str) -> None:
    answer = client.get(route, headers={"Authorization": header, "Accept": "application/json"})
    assert error(answer, 401)
    assert answer["WWW-Authenticate"] == "Token"
