"""What changes something is decided by the database, whatever the cache says."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from redis import Redis
from rest_framework.test import APIClient

from systemcache.models import ApiToken
from tests.support.people import client_of
from watchlist.models import WatchlistItem

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS = "/api/settings/max_positions"
# Past Django, so that the cache goes on saying what was true before until recovery has looked.
BEHIND_THE_CACHE = {
    "the token is deleted": "DELETE FROM systemcache_apitoken",
    "the token's scope is narrowed": "UPDATE systemcache_apitoken SET scope = 'read'",
    "the user is deactivated": "UPDATE auth_user SET is_active = false",
    "the permission is taken away": "DELETE FROM auth_user_user_permissions",
    "the password is changed": "UPDATE auth_user SET password = 'other'",
}
OF_A_SESSION = {
    name: BEHIND_THE_CACHE[name]
    for name in ("the user is deactivated", "the permission is taken away", "the password is changed")
} | {"the session is deleted": "DELETE FROM django_session"}


@pytest.fixture
def user(make_user: Callable[..., User]) -> User:
    return make_user("person", "watchlist.change_tradingsetting")


def behind(statement: str) -> None:
    connection.connection.execute(statement)


@pytest.mark.parametrize("change", BEHIND_THE_CACHE)
def test_a_write_by_token_is_refused_though_the_cache_still_knows_the_right(user: User, change: str) -> None:
    api = client_of(user)
    assert api.put(ADDRESS, {"value": 4}).status_code == 200
    assert api.get(ADDRESS).status_code == 200
    behind(BEHIND_THE_CACHE[change])
    assert (
        api.get(ADDRESS).status_code == 200
    )  # the cache does not know better: this is what the write must not rely on
    assert api.put(ADDRESS, {"value": 5}).status_code in (401, 403)


@pytest.mark.parametrize("change", OF_A_SESSION)
def test_a_write_by_session_is_refused_though_the_cache_still_knows_the_right(user: User, change: str) -> None:
    browser = Client()
    browser.force_login(user)

    def change_setting() -> int:
        return browser.put(ADDRESS, {"value": 4}, content_type="application/json").status_code

    assert change_setting() == 200
    assert browser.get(ADDRESS).status_code == 200
    behind(OF_A_SESSION[change])
    assert browser.get(ADDRESS).status_code == 200
    assert change_setting() in (401, 403)


def test_a_write_does_not_even_ask_redis_who_it_is(user: User, redis: Redis) -> None:
    api = client_of(user)
    api.put(ADDRESS, {"value": 4})
    assert not list(redis.scan_iter("*auth:token*"))
    assert not list(redis.scan_iter("*auth:user*"))


def test_the_page_of_the_admin_asks_the_database_too(make_user: Callable[..., User]) -> None:
    browser = Client()
    browser.force_login(make_user("boss", is_staff=True, is_superuser=True))
    assert browser.get("/admin/").status_code == 200
    behind("UPDATE auth_user SET is_superuser = false, is_staff = false")
    assert browser.post("/admin/watchlist/watchlistitem/add/", {"symbol": "TCS"}).status_code == 302
    assert not WatchlistItem.objects.exists()


def test_a_token_that_was_never_cached_writes(user: User) -> None:
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Token {ApiToken.issue(user, 'new')}")
    assert api.put(ADDRESS, {"value": 4}).status_code == 200
