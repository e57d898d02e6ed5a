"""Every route, by every method, for every identity: one generated test against the table of access.py."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import URLResolver, get_resolver
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from systemcache.models import ApiToken
from tests.site import access
from tests.site.access import API, IDENTITIES, MODELS, PAGES, PERSONS, STAFF, UNKNOWN, WITHOUT_PAGE, Route
from tests.support.committed import as_committed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_store", "simulator")]

METHODS = ("get", "head", "options", "post", "put", "patch", "delete", "trace")
SAFE = ("get", "head", "options")


def route_names(resolver: Any, namespace: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from route_names(pattern, f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace)
        else:
            yield namespace + (pattern.name or ("" if namespace else str(pattern.pattern)))


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    of_models = {
        f"admin:{model}_{page}" for model in MODELS for page in ("changelist", "add", "history", "delete", "change")
    }
    assert set(route_names(get_resolver())) == {*API, *PAGES, *WITHOUT_PAGE, *of_models}


# --- the API -----------------------------------------------------------------------------------------------


@pytest.fixture
def callers(make_user: Callable[..., User], settings: Settings) -> dict[str, APIClient]:
    settings.TRADING_ENABLED = True

    def member(name: str, **fields: Any) -> User:
        user = make_user(name, **fields)
        user.groups.add(Group.objects.get(name=name))
        return user

    boss = make_user("superuser", is_staff=True, is_superuser=True)
    left = make_user("deactivated", is_staff=True, is_superuser=True)
    users = {
        "nobody": make_user("nobody"),
        "viewer": member("viewer"),
        "trader": member("trader"),
        "operator": member("operator", is_staff=True),
        "superuser": boss,
        "deactivated": left,
    }
    keys = {name: ApiToken.issue(user, name) for name, user in users.items()}
    keys |= {name: ApiToken.issue(boss, name, name) for name in ("read", "metrics")}
    keys |= {name: ApiToken.issue(boss, name, days=1) for name in ("revoked", "expired")}
    ApiToken.objects.filter(name="revoked").delete()
    ApiToken.objects.filter(name="expired").update(expires_at="2020-01-01T00:00:00Z")
    left.is_active = False
    left.save()
    found = {"anonymous": APIClient()}
    for name, key in keys.items():
        found[name] = APIClient()
        found[name].credentials(HTTP_AUTHORIZATION=f"Token {key}")
    for name in ("trader", "operator"):
        found[f"{name}_session"] = APIClient()
        found[f"{name}_session"].force_login(users[name])
    assert found.keys() == IDENTITIES
    as_committed()
    return found


def expected(route: Route, method: str, identity: str) -> set[int]:
    """The statuses that are right. For whoever is let in, all that say no more than that the request was empty."""
    if method == "options" and "anonymous" not in route.methods.get("get", access.NONE):
        return {401} if identity in UNKNOWN else {200, 403}  # it describes the route
    if identity in route.methods.get("get" if method == "head" else method, access.NONE):
        return {200, 400, 404} if method in SAFE else {200, 201, 400, 404, 422}
    if method in route.methods:
        return {401} if identity in UNKNOWN else {403}
    if method == "options":
        return {200, 405}  # of a route that is for everybody
    return {401, 405} if identity in UNKNOWN else {403, 405}


def wrong_answers(callers: dict[str, APIClient], method: str, names: Iterable[str]) -> dict[str, str]:
    wrong = {}
    for name in names:
        for identity, api in callers.items():
            address = API[name].address
            answer = api.trace(address) if method == "trace" else getattr(api, method)(address, {})
            right = expected(API[name], method, identity)
            if answer.status_code not in right:
                wrong[f"{method} {name} for {identity}"] = f"{answer.status_code}, not {sorted(right)}"
    return wrong


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_each_route_lets_in_whom_the_table_names(callers: dict[str, APIClient], method: str) -> None:
    assert wrong_answers(callers, method, [name for name in API if method in API[name].methods]) == {}


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_no_other_method_of_a_route_lets_anybody_in(callers: dict[str, APIClient], method: str) -> None:
    """HEAD is GET's, and OPTIONS describes the route to those who may log in."""
    assert wrong_answers(callers, method, [name for name in API if method not in API[name].methods]) == {}


# --- pages -------------------------------------------------------------------------------------------------


@pytest.fixture
def browsers(make_user: Callable[..., User]) -> dict[str, Client]:
    users = {
        "nobody": make_user("nobody"),
        "clerk": make_user("clerk", is_staff=True),
        "trader": make_user("trader", is_staff=True),
        "operator": make_user("operator", is_staff=True),
        "superuser": make_user("superuser", is_staff=True, is_superuser=True),
        "deactivated": make_user("deactivated", is_staff=True, is_superuser=True),
    }
    for name in ("trader", "operator"):
        users[name].groups.add(Group.objects.get(name=name))
    found = {"anonymous": Client()}
    for name, user in users.items():
        found[name] = Client()
        found[name].force_login(user)
    users["deactivated"].is_active = False
    users["deactivated"].save()
    assert found.keys() == PERSONS
    as_committed()
    return found


def outcome(answer: Any) -> str:
    """in, login (it is asked for), refused, or elsewhere: a redirect that shows nothing, as for an absent row."""
    if answer.status_code in (302, 301):
        return "login" if "login" in answer["Location"] else "elsewhere"
    return {200: "in", 403: "refused", 404: "elsewhere"}.get(answer.status_code, str(answer.status_code))


def wrong_of(browsers: dict[str, Client], address: str, who: frozenset[str], method: str = "get") -> dict[str, str]:
    wrong = {}
    for name, browser in browsers.items():
        found = outcome(getattr(browser, method)(address))
        if name in who:
            right = {"in", "elsewhere"}
        elif address.startswith("/admin/"):
            right = {"refused", "elsewhere"} if name in STAFF else {"login"}
        else:
            right = {"refused", "login"}
        if found not in right:
            wrong[f"{method} {address} for {name}"] = found
    return wrong


def test_each_page_opens_for_whom_the_table_names(browsers: dict[str, Client]) -> None:
    wrong: dict[str, str] = {}
    for address, who in PAGES.values():
        wrong |= wrong_of(browsers, address, who)
    assert wrong == {}


def test_each_page_of_a_model_opens_for_whom_the_table_names(browsers: dict[str, Client]) -> None:
    """The row is not there: those who may see it are sent to the index, and those who may not are refused as well."""
    wrong: dict[str, str] = {}
    for model, rights in MODELS.items():
        start = "/admin/{0}/{2}/".format(*model.rpartition("_"))
        seen = {name for name, browser in browsers.items() if browser.get(start).status_code == 200}
        assert seen == rights.view, model
        for page, who in (("add/", rights.add), ("999/change/", rights.view), ("999/delete/", rights.delete)):
            wrong |= wrong_of(browsers, start + page, who)
            if page != "999/change/":
                wrong |= wrong_of(browsers, start + page, who, "post")
    assert wrong == {}
