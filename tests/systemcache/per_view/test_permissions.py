"""A family's values are shown to those alone who have its permission, whatever a view forgets."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import include, path, resolve
from pytest_django.fixtures import Settings
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.test import APIClient
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from systemcache import CachedValue, Family, families, fetch, fetch_many
from systemcache.cached_value import combine
from systemcache.per_view import middleware
from systemcache.per_view.mixins import CachedListMixin, CachedView
from systemcache.per_view.responses import (
    bare_response,
    dated_list_response,
    dated_part_response,
    dated_response,
    part_response,
)
from systemcache.storage.breaker import breaker
from tests.support.committed import as_committed
from tests.support.people import client_of
from tests.systemcache.near.warm_requests import is_short
from tests.systemcache.samples import LIST, SECRET, Price
from testservers.redis_server import RedisServer

PERMISSION = "systemcache.view_cache"
TREASURE = Family("treasure", "treasure:{which}", list[int], permission=PERMISSION)
GOLD = [790_417, 4_711_893]


def treasure(which: str = "gold") -> CachedValue[list[int]]:
    return fetch(TREASURE, {"which": which}, lambda: GOLD)


# --- views that forget the permission ----------------------------------------------------------------------


class Forgetful(APIView):
    permission_classes = (AllowAny,)

    def get(self, request: Request) -> Response:
        return dated_response(request, treasure())

    def post(self, request: Request) -> Response:
        return dated_response(request, treasure())


class ForgetfulAboutOurOwn(APIView):
    def get(self, request: Request) -> Response:
        return bare_response(request, treasure())


class ForgetfulAboutAPart(APIView):
    def get(self, request: Request) -> Response:
        return dated_part_response(request, treasure(), first=treasure().value[0])


class ForgetfulAboutARow(APIView):
    def get(self, request: Request) -> Response:
        return part_response(request, treasure(), {"first": treasure().value[0]})


class ForgetfulAboutMany(APIView):
    def get(self, request: Request) -> Response:
        values = fetch_many(TREASURE, [{"which": "gold"}, {"which": "silver"}], lambda missing: [GOLD for _ in missing])
        return dated_list_response(request, [value for value in values if value])


class ForgetfulAboutWhatIsComputed(APIView):
    def get(self, request: Request) -> Response:
        return dated_response(request, combine(int, sum(treasure().value), [treasure(), treasure("silver")]))


class ForgetfulViewSet(ViewSet):
    def list(self, request: Request) -> Response:
        return dated_response(request, treasure())


@api_view(["GET"])
@permission_classes([AllowAny])
def forgetful_function(request: Request) -> Response:
    return dated_response(request, treasure())


class PermissionsLost(CachedView):
    """Its own get_permissions() leaves out what CachedView adds."""

    family = TREASURE
    read = staticmethod(treasure)

    def get_permissions(self) -> list[Any]:
        return [AllowAny()]


class AnotherFamilyNamed(CachedView):
    """It names a family that everybody may see, and reads another one."""

    family = Family("pebbles", "pebbles", list[int])
    read = staticmethod(treasure)
    permission_classes = (AllowAny,)


class PermissionsWeakened(CachedView):
    """Its own get_permissions() asks for a login alone, which the fast path understands."""

    family = TREASURE
    read = staticmethod(treasure)

    def get_permissions(self) -> list[Any]:
        return [IsAuthenticated()]


class AnotherFamilyNamedWithALogin(CachedView):
    """What it names and asks for would let every user in by the fast path."""

    family = Family("pebbles", "pebbles", list[int])
    read = staticmethod(treasure)


# --- views that name their family, and no more -------------------------------------------------------------


class Declared(CachedView):
    family = TREASURE
    read = staticmethod(treasure)


class OpenToAll(CachedView):
    family = TREASURE
    read = staticmethod(treasure)
    permission_classes = (AllowAny,)


class NoClasses(CachedView):
    family = TREASURE
    read = staticmethod(treasure)
    permission_classes = ()


class DeclaredViewSet(CachedListMixin, ViewSet):
    family = TREASURE
    read = staticmethod(treasure)


router = SimpleRouter()
router.register("viewset", ForgetfulViewSet, basename="viewset")
router.register("declared-viewset", DeclaredViewSet, basename="declared-viewset")
FORGETFUL: dict[str, Any] = {
    "view/": Forgetful.as_view(),
    "own/": ForgetfulAboutOurOwn.as_view(),
    "part/": ForgetfulAboutAPart.as_view(),
    "row/": ForgetfulAboutARow.as_view(),
    "many/": ForgetfulAboutMany.as_view(),
    "computed/": ForgetfulAboutWhatIsComputed.as_view(),
    "function/": forgetful_function,
    "lost/": PermissionsLost.as_view(),
    "another/": AnotherFamilyNamed.as_view(),
    "weakened/": PermissionsWeakened.as_view(),
    "another-login/": AnotherFamilyNamedWithALogin.as_view(),
}
DECLARED: dict[str, Any] = {"declared/": Declared.as_view(), "open/": OpenToAll.as_view(), "none/": NoClasses.as_view()}
FORGETFUL_URLS = [f"/{route}" for route in (*FORGETFUL, "viewset/")]
DECLARED_URLS = [f"/{route}" for route in (*DECLARED, "declared-viewset/")]


class Pebbles(CachedView):
    """For every user."""

    family = LIST

    @staticmethod
    def read() -> CachedValue[list[Price]]:
        return fetch(LIST, {}, list)


class Secret(APIView):
    def get(self, request: Request) -> Response:
        return dated_response(request, fetch(SECRET, {"sha256": "a" * 64}, lambda: GOLD[0]))


class URLs:
    """A URL conf."""

    urlpatterns = (
        *(path(route, view) for route, view in {**FORGETFUL, **DECLARED}.items()),
        path("pebbles/", Pebbles.as_view()),
        path("secret/", Secret.as_view()),
        path("", include(router.urls)),
        path("site/", include("tradingsite.urls")),  # which the browsable API's page links to
    )


@pytest.fixture(autouse=True)
def site(settings: Settings, redis_store: RedisServer) -> Iterator[None]:
    settings.CACHE_TTLS = {**settings.CACHE_TTLS, TREASURE.name: 60}
    settings.ROOT_URLCONF = URLs
    families.register(TREASURE)
    yield
    families.unregister(TREASURE)


@pytest.fixture
def holder(make_user: Callable[..., User]) -> APIClient:
    return client_of(make_user("holder", PERMISSION))


def assert_refused(response: Any, status: int) -> None:
    assert response.status_code == status
    assert not any(str(number) in response.content.decode() for number in GOLD)
    assert not {"X-Cache", "Age"} & set(response.headers)


@pytest.mark.parametrize("url", [*FORGETFUL_URLS, *DECLARED_URLS])
def test_only_those_with_the_permission_see_a_value(
    holder: APIClient, stranger: APIClient, anonymous: APIClient, make_user: Callable[..., User], url: str
) -> None:
    staff = client_of(make_user("clerk", is_staff=True))
    as_committed()
    for _ in range(3):  # a miss, a hit, and the fast path
        assert_refused(anonymous.get(url), 401)
        assert_refused(stranger.get(url), 403)
        assert_refused(staff.get(url), 403)
        response = holder.get(url)
        assert response.status_code == 200
        assert any(str(number) in response.content.decode() for number in (*GOLD, sum(GOLD)))


def test_an_administrator_sees_every_value(admin_user: User) -> None:
    api = client_of(admin_user)
    assert [api.get(url).status_code for url in (*FORGETFUL_URLS, *DECLARED_URLS)] == [200] * 16


@pytest.mark.parametrize("url", [*FORGETFUL_URLS, *DECLARED_URLS])
def test_a_refusal_says_which_permission_is_missing(stranger: APIClient, url: str) -> None:
    assert stranger.get(url).json()["error"] == {
        "code": "permission_denied",
        "message": f"This requires the permission {PERMISSION}.",
        "detail": None,
    }


@pytest.mark.parametrize("url", FORGETFUL_URLS)
def test_the_log_names_the_view_that_forgot(stranger: APIClient, caplog: pytest.LogCaptureFixture, url: str) -> None:
    logging.getLogger("systemcache").addHandler(caplog.handler)
    try:
        stranger.get(url)
    finally:
        logging.getLogger("systemcache").removeHandler(caplog.handler)
    (record,) = [record for record in caplog.records if record.name.endswith("per_view.permissions")]
    view: Any = resolve(url).func
    assert record.getMessage() == (
        f"cache: {view.cls.__module__}.{view.cls.__name__} lets in callers who may not see the family treasure"
    )


def test_an_unsafe_method_shows_no_more(holder: APIClient, stranger: APIClient, anonymous: APIClient) -> None:
    assert_refused(anonymous.post("/view/"), 401)
    assert_refused(stranger.post("/view/"), 403)
    assert holder.post("/view/").json()["data"] == GOLD


@pytest.mark.parametrize("url", [*FORGETFUL_URLS, *DECLARED_URLS])
def test_the_browsable_api_shows_no_more(make_user: Callable[..., User], client: Client, url: str) -> None:
    sent_to_login = client.get(url, headers={"Accept": "text/html"})
    assert_refused(sent_to_login, 302)
    assert "login" in sent_to_login["Location"]
    client.force_login(make_user("person"))
    page = client.get(url, headers={"Accept": "text/html"})
    assert page["Content-Type"].startswith("text/html")
    assert_refused(page, 403)
    client.force_login(make_user("seer", PERMISSION))
    page = client.get(url, headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert any(str(number) in page.content.decode() for number in (*GOLD, sum(GOLD)))


@pytest.mark.parametrize("url", [*FORGETFUL_URLS, *DECLARED_URLS])
def test_no_304_tells_that_a_guess_was_right(holder: APIClient, stranger: APIClient, url: str) -> None:
    etag = holder.get(url)["ETag"]
    for guess in (etag, "*"):
        assert_refused(stranger.get(url, headers={"If-None-Match": guess}), 403)
        assert_refused(APIClient().get(url, headers={"If-None-Match": guess}), 401)
    assert holder.get(url, headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize("url", DECLARED_URLS)
def test_head_and_options_take_the_permission_too(holder: APIClient, stranger: APIClient, url: str) -> None:
    assert [getattr(stranger, method)(url).status_code for method in ("head", "options")] == [403, 403]
    assert [getattr(holder, method)(url).status_code for method in ("head", "options")] == [200, 200]


def test_what_no_permission_class_asks_for_is_not_learned_by_the_fast_path(holder: APIClient) -> None:
    for url in ("/view/", "/function/", "/lost/", "/another/", "/open/"):  # AllowAny is no permission with a name
        holder.get(url)
        holder.get(url)
        assert learned(url) is None


@pytest.mark.parametrize("url", ["/declared/", "/none/", "/declared-viewset/", "/weakened/", "/another-login/"])
def test_the_fast_path_takes_the_familys_permission(
    holder: APIClient, stranger: APIClient, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    as_committed()
    stranger.get("/pebbles/")  # its token is in the cache
    assert (holder.get(url).status_code, holder.get(url)["X-Cache"]) == (200, "hit")
    route = learned(url)
    assert route is not None
    assert route.permissions == {PERMISSION}
    assert is_short(holder, url, monkeypatch)
    assert is_short(stranger, "/pebbles/", monkeypatch)
    assert_refused(stranger.get(url), 403)
    assert_refused(stranger.get(url, headers={"If-None-Match": "*"}), 403)
    assert holder.get(url).status_code == 200


def test_nobody_sees_a_secret_familys_value(admin_user: User, anonymous: APIClient) -> None:
    assert_refused(client_of(admin_user).get("/secret/"), 403)
    assert_refused(anonymous.get("/secret/"), 401)


def test_without_redis_the_permission_is_asked_for_too(holder: APIClient, stranger: APIClient) -> None:
    breaker.failed()
    for url in ("/declared/", "/view/"):
        assert_refused(stranger.get(url), 403)
        assert (holder.get(url)["X-Cache"], holder.get(url).json()["data"]) == ("bypass", GOLD)


def learned(url: str) -> middleware.CachedRoute | None:
    return middleware.routes.get(middleware.Address("http", "testserver", url, ""))
