"""What holds on every route of the API: one envelope of lists, one shape of errors, nothing unknown is ignored."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLResolver, get_resolver
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from broker.simulator import Simulator
from systemcache import process_state
from systemcache.per_view.validation import MAX_REPORTED, StrictView
from tests.site.routes import DOCUMENTED
from tests.support.people import client_of
from testservers.redis_server import RedisServer
from watchlist.models import Signal, WatchlistItem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("simulator")]

LISTS = (
    "/api/watchlist",
    "/api/signals",
    "/api/settings",
    "/api/alerts",
    "/api/broker/holdings",
    "/api/broker/positions",
    "/api/broker/orders",
    "/api/broker/trades",
    "/api/broker/quotes?symbols=INFY,TCS",
    DOCUMENTED["/api/broker/candles/"],
    "/api/system/cache/families",
)
# Page -> the deprecated name of `data`.
PAGES = {
    "/api/broker/contracts/NSEEQ?page_size=2": "results",
    DOCUMENTED["/api/broker/candles/"] + "&page=1&page_size=2": None,
    "/api/system/cache/keys": "keys",
}
BARE_IN_0_3 = ("/api/watchlist", "/api/signals", "/api/settings", "/api/system/cache/families")


@pytest.fixture
def admin(make_user: Callable[..., User], redis_store: RedisServer) -> APIClient:
    """May do everything, on a site with a row of each kind."""
    WatchlistItem.objects.create(pk=1, symbol="TCS", category="hold")
    Signal.objects.create(pk=1, symbol="TCS", signal_type="buy")
    client = client_of(make_user("admin", is_staff=True, is_superuser=True))
    client.raise_request_exception = False
    return client


def api_routes(resolver: URLResolver, before: str = "/") -> Iterator[tuple[str, Any]]:
    """Each route of the API with its view class."""
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern).removeprefix("^").removesuffix("$")
        if isinstance(pattern, URLResolver):
            yield from api_routes(pattern, route)
        elif class_ := getattr(pattern.callback, "cls", None):
            yield route, class_


ROUTES = dict(api_routes(get_resolver()))


def detail(answer: Any, status: int = 400) -> dict[str, list[str]]:
    """The error's sentences by field, in the one shape of errors."""
    body = answer.json()
    assert answer.status_code == status, body
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "detail"}
    found: dict[str, list[str]] = body["error"]["detail"]
    return found


# --- lists -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", LISTS)
def test_every_list_has_one_envelope(admin: APIClient, route: str) -> None:
    body = admin.get(route).json()
    assert list(body)[:3] == ["as_of", "stale", "data"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+05:30", body["as_of"])
    assert body["stale"] is False
    assert isinstance(body["data"], list)


@pytest.mark.parametrize(("route", "old_name"), PAGES.items())
def test_every_page_has_the_envelope_and_its_neighbours(admin: APIClient, route: str, old_name: str | None) -> None:
    admin.get("/api/settings")
    body = admin.get(route).json()
    assert {"as_of", "stale", "data", "count", "next", "previous"} <= set(body)
    assert body["data"]
    assert body["previous"] is None
    if old_name:
        assert body[old_name] == body["data"]


def test_a_page_leads_to_the_next(admin: APIClient) -> None:
    first = admin.get("/api/broker/contracts/NSEEQ?page_size=2").json()
    second = admin.get(first["next"]).json()
    assert second["data"] != first["data"]
    assert admin.get(second["previous"]).json()["data"] == first["data"]


@pytest.mark.parametrize("route", BARE_IN_0_3)
def test_a_site_may_keep_the_bare_lists_of_0_3_for_a_version(admin: APIClient, settings: Settings, route: str) -> None:
    enveloped = admin.get(route).json()["data"]
    settings.API_BARE_LISTS = True
    process_state.reset()  # as after a start with this setting: the fast path has no response of the other form
    assert admin.get(route).json() == enveloped


# --- what is not known -------------------------------------------------------------------------------------


def example_of(route: str) -> str:
    """An address that the route's pattern matches."""
    known = {"exchange": "NSEEQ", "order_id": "1", "key": "max_positions", "pk": "1"}
    filled = re.sub(r"\(\?P<(\w+)>[^)]*\)|<\w+:(\w+)>", lambda found: known[found[1] or found[2]], route)
    return filled.replace("\\", "")


def test_no_route_of_the_api_ignores_what_it_does_not_know() -> None:
    assert [route for route, class_ in ROUTES.items() if not issubclass(class_, StrictView)] == []
    assert len(ROUTES) > 25


@pytest.mark.parametrize("route", ROUTES)
def test_an_unknown_query_parameter_is_named(admin: APIClient, route: str) -> None:
    """Whatever the method."""
    for method in ("get", "post", "put", "patch", "delete"):
        answer = getattr(admin, method)(example_of(route) + "?no_such_thing=1")
        if answer.status_code != 405:
            assert list(detail(answer)) == ["no_such_thing"], method


@pytest.mark.parametrize(
    ("route", "name", "hint"),
    [
        ("/api/signals?limt=5", "limt", "Did you mean limit?"),
        ("/api/signals?LIMIT=5", "LIMIT", "Did you mean limit?"),
        ("/api/watchlist?actve=all", "actve", "Did you mean active?"),
        ("/api/broker/contracts/NSEEQ?pagesize=5", "pagesize", "Did you mean page_size?"),
        ("/api/system/cache/keys?pattern=*&zzz=1", "zzz", "Known are pattern, cursor."),
        ("/api/broker/holdings?limit=1", "limit", "none is taken here."),
        ("/api/watchlist/1?active=all", "active", "none is taken here."),
        ("/api/schema?version=2", "version", "none is taken here."),
        ("/api/watchlist?%ED%A0%80=1", "\ufffd\ufffd\ufffd", "Known are active, category."),
    ],
)
def test_an_unknown_query_parameter_is_named_with_the_nearest_known_one(
    admin: APIClient, route: str, name: str, hint: str
) -> None:
    ((field, (message,)),) = detail(admin.get(route)).items()
    assert field == name
    assert message.endswith(hint)


@pytest.mark.parametrize("route", ["/api/signals?limit=3&limit=4", "/api/watchlist?active=all&active=all"])
def test_a_repeated_query_parameter_is_named(admin: APIClient, route: str) -> None:
    ((_, messages),) = detail(admin.get(route)).items()
    assert messages == ["Give this parameter once."]


def test_a_format_that_is_not_served_is_a_400_that_lists_those_that_are(admin: APIClient) -> None:
    assert detail(admin.get("/api/settings?format=xml")) == {"format": ["Choose one of json, api."]}


def test_who_is_not_known_learns_nothing_of_the_parameters(anonymous: APIClient) -> None:
    detail(anonymous.get("/api/watchlist?no_such_thing=1"), 401)


@pytest.mark.parametrize(
    ("method", "route", "body"),
    [
        ("post", "/api/watchlist", {"symbol": "INFY", "category": "hold", "catgory": "hold"}),
        ("put", "/api/watchlist/1", {"symbol": "TCS", "category": "hold", "catgory": "hold"}),
        ("patch", "/api/watchlist/1", {"catgory": "hold"}),
        ("post", "/api/signals", {"symbol": "INFY", "signal_type": "buy", "catgory": "hold"}),
        ("patch", "/api/signals/1", {"catgory": "hold"}),
        ("post", "/api/signals/generate", {"symbol": "TCS", "strategy": "moving_average", "catgory": 1}),
        ("put", "/api/settings", {"catgory": 1}),
        ("put", "/api/settings/max_positions", {"value": 3, "catgory": 1}),
        ("post", "/api/broker/span", {"legs": [], "catgory": 1}),
        ("post", "/api/system/cache/clear?pattern=*", {"catgory": 1}),
        ("post", "/api/system/cache/warm", {"catgory": 1}),
        ("delete", "/api/watchlist/1", {"catgory": 1}),
        ("delete", "/api/broker/orders/1", {"catgory": 1}),
    ],
)
def test_an_unknown_field_of_a_body_is_named(admin: APIClient, method: str, route: str, body: Any) -> None:
    assert "There is no such" in detail(getattr(admin, method)(route, body))["catgory"][0]
    assert WatchlistItem.objects.count() == Signal.objects.count() == 1


def test_all_that_is_wrong_with_a_body_is_said_at_once(admin: APIClient) -> None:
    errors = detail(admin.post("/api/watchlist", {"category": "nonsense", "note": "x"}))
    assert set(errors) == {"note", "symbol", "category"}
    assert errors["note"] == ["There is no such field. Did you mean notes?"]


def test_a_leg_of_a_combination_has_no_unknown_field(admin: APIClient) -> None:
    leg = {"symbol": "NIFTY", "side": "BUY", "quantity": 50, "quantty": 50}
    assert "quantty" in str(detail(admin.post("/api/broker/span", {"legs": [leg]})))


def test_a_row_may_be_sent_back_as_it_was_read(admin: APIClient) -> None:
    """With the fields that nobody may write."""
    row = admin.get("/api/watchlist/1").json()
    assert admin.put("/api/watchlist/1", row | {"notes": "read and written"}).json()["notes"] == "read and written"


def test_unknown_names_without_end_are_reported_shortly(admin: APIClient) -> None:
    errors = detail(admin.post("/api/watchlist", {f"{number}{'x' * 100}": 1 for number in range(1000)}))
    unknown = [name for name in errors if "x" in name]
    assert len(unknown) == MAX_REPORTED
    assert max(map(len, unknown)) < 70


@pytest.mark.parametrize(
    ("route", "field", "known"),
    [
        ("/api/watchlist?active=perhaps", "active", "true, false, all"),
        ("/api/signals?status=open", "status", "pending, approved"),
        (DOCUMENTED["/api/broker/candles/"].replace("1d", "7m"), "interval", "1m, 5m, 10m"),
        ("/api/broker/quotes?symbols=INFY&exchange=NYSE", "exchange", "NSEEQ, BSEEQ"),
        ("/api/broker/depth?symbol=INFY&exchange=NYSE", "exchange", "NSEEQ, BSEEQ"),
    ],
)
def test_a_wrong_choice_is_answered_with_the_choices(admin: APIClient, route: str, field: str, known: str) -> None:
    assert known in detail(admin.get(route))[field][0]


# --- errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "route", "headers", "status", "code"),
    [
        ("get", "/api/watchlist", {}, 401, "not_authenticated"),
        ("get", "/api/watchlist", {"Authorization": "Token nonsense"}, 401, "authentication_failed"),
        ("post", "/api/broker/orders", {}, 401, "not_authenticated"),
        ("get", "/api/nonsense", {}, 404, "not_found"),
        ("get", "/metrics/nonsense", {}, 404, "not_found"),
        ("get", "/api/settings", {"Host": "elsewhere.example"}, 400, "invalid"),
        ("get", "/metrics", {"Host": "elsewhere.example"}, 400, "invalid"),
        ("post", "/api/auth/login/", {"Accept": "application/json"}, 403, "permission_denied"),
        ("get", "/api/schema?x=1", {}, 400, "invalid"),
        ("get", "/api/schema?x=1&format=json", {}, 400, "invalid"),
        ("get", "/api/docs?x=1", {}, 400, "invalid"),
        ("get", "/api/system/health", {"Accept": "image/png"}, 406, "not_acceptable"),
        ("delete", "/api/system/health", {}, 405, "method_not_allowed"),
    ],
)
def test_an_anonymous_visitors_error_has_the_one_shape(
    simulator: Simulator, method: str, route: str, headers: dict[str, str], status: int, code: str
) -> None:
    answer = getattr(Client(enforce_csrf_checks=True), method)(route, headers=headers)
    assert answer["Content-Type"] == "application/json"
    detail(answer, status)
    assert answer.json()["error"]["code"] == code


def test_a_session_without_a_csrf_token_gets_the_one_shape(make_user: Callable[..., User]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user("person", "watchlist.add_watchlistitem"))
    answer = client.post("/api/watchlist", {"symbol": "INFY"}, content_type="application/json")
    detail(answer, 403)
    assert answer.json()["error"]["message"].startswith("CSRF Failed")


def test_a_person_who_logs_in_without_a_csrf_token_sees_a_page() -> None:
    answer = Client(enforce_csrf_checks=True).post("/api/auth/login/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (answer.status_code, answer["Content-Type"]) == (403, "text/html; charset=utf-8")
