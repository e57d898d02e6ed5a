"""What the short way learns from an answer, and what it must not."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from pytest_django.fixtures import Settings
from rest_framework.permissions import BasePermission, IsAdminUser, IsAuthenticated
from rest_framework.request import Request
from rest_framework.test import APIClient
from rest_framework.views import APIView

from broker import cache_families, gateway
from systemcache.per_view import middleware, renderers
from systemcache.per_view.mixins import CachedView
from tests.support.people import client_of
from tests.systemcache.near.warm_requests import HOLDINGS, WATCHLIST, is_short, warm
from watchlist import selectors
from watchlist.cache_families import SETTINGS
from watchlist.models import WatchlistItem

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("listener_thread")]


def test_no_more_addresses_are_remembered_than_there_is_room_for(
    program: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "MAX_ROUTES", 2)
    addresses = [f"/api/watchlist?active={active}" for active in ("true", "false", "all")]
    for address in addresses:
        warm(program, address)
    assert [is_short(program, address, monkeypatch) for address in addresses[1:]] == [True, True]
    assert not is_short(program, addresses[0], monkeypatch)


def test_who_is_learned_again_takes_nobodys_place(program: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "MAX_ROUTES", 2)
    warm(program, HOLDINGS)
    warm(program, WATCHLIST)
    WatchlistItem.objects.create(symbol="TCS")
    warm(program, WATCHLIST)
    assert is_short(program, HOLDINGS, monkeypatch)


def test_a_long_address_is_not_remembered(program: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"{WATCHLIST}{'&' * middleware.MAX_ADDRESS_LENGTH}"
    warm(program, address)
    assert not is_short(program, address, monkeypatch)


def test_a_view_that_has_one_form_alone_is_learned_too(
    program: APIClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answers do not vary by Accept, and do not say so."""

    class JSONAlone(CachedView):
        renderer_classes = (renderers.StoredJSONRenderer,)
        family = cache_families.HOLDINGS
        read = staticmethod(gateway.holdings)

    settings.ROOT_URLCONF = (path("json/", JSONAlone.as_view()),)
    assert "Vary" not in warm(program, "/json/")
    assert is_short(program, "/json/", monkeypatch)


def test_a_persons_answer_teaches_nothing(program: APIClient, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """It varies by her cookie."""
    warm(program, WATCHLIST)  # its token is known
    client.force_login(User.objects.get())
    assert client.get(HOLDINGS, headers={"Accept": "*/*"})["Vary"] == "Accept, Cookie"
    assert not is_short(program, HOLDINGS, monkeypatch)
    assert warm(program, HOLDINGS)["Vary"] == "Accept"


def named(get_response: middleware.Handler) -> middleware.Handler:
    """Middleware that tells callers who they are."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["X-User"] = request.user.get_username()
        return response

    return answer


def test_a_header_that_is_one_callers_own_is_shown_to_no_other(
    program: APIClient, make_user: Callable[..., User], settings: Settings
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.named"]
    other = client_of(make_user("other", "broker.view_account"))
    warm(other, WATCHLIST)
    assert warm(program, HOLDINGS)["X-User"] == "program"
    assert warm(other, HOLDINGS)["X-User"] == "other"


class Members(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.user.get_username() == "member"


@pytest.mark.parametrize("classes", [(IsAdminUser,), (Members,), (IsAuthenticated, IsAdminUser), ()])
def test_what_no_permissions_name_can_tell_is_asked_of_the_view(
    make_user: Callable[..., User], settings: Settings, classes: tuple[type[BasePermission], ...]
) -> None:
    class Guarded(CachedView):
        permission_classes = classes
        family = SETTINGS
        read = staticmethod(selectors.trading_settings)

    member, stranger = client_of(make_user("member", is_staff=True)), client_of(make_user("stranger"))
    warm(stranger, WATCHLIST)
    settings.ROOT_URLCONF = (path("guarded/", Guarded.as_view()),)
    warm(member, "/guarded/")
    assert stranger.get("/guarded/").status_code == (403 if classes else 200)
