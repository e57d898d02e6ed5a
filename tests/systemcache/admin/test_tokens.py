"""The admin's pages of API tokens."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from systemcache.models import ApiToken
from tests.support.people import client_of

pytestmark = pytest.mark.django_db

LIST = "/admin/systemcache/apitoken/"
ADD = f"{LIST}add/"
RIGHTS = ("systemcache.view_apitoken", "systemcache.add_apitoken", "systemcache.delete_apitoken")


def browser_of(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def test_a_token_is_shown_once_and_works(admin_client: Client, admin_user: User) -> None:
    form = {"user": admin_user.pk, "name": "notebook", "scope": "read", "days": "30"}
    page = admin_client.post(ADD, form)
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    shown = re.search(r"<code>([\w-]{43})</code>", page.content.decode())
    assert shown
    row = ApiToken.objects.get()
    assert (row.digest, row.scope, row.name) == (ApiToken.digest_of(shown[1]), "read", "notebook")
    assert row.expires_at is not None
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Token {shown[1]}")
    assert api.get("/api/settings").status_code == 200
    for address in (LIST, f"{LIST}{row.pk}/change/", f"{LIST}{row.pk}/history/"):
        assert shown[1] not in admin_client.get(address).content.decode()


def test_the_form_begins_with_oneself(admin_client: Client, admin_user: User) -> None:
    page = admin_client.get(ADD).content.decode()
    assert f'<option value="{admin_user.pk}" selected>' in page


def test_a_member_of_staff_makes_tokens_for_nobody_but_themselves(
    make_user: Callable[..., User], admin_user: User
) -> None:
    """Somebody else's token would be somebody else's rights."""
    clerk = make_user("clerk", *RIGHTS, is_staff=True)
    browser = browser_of(clerk)
    assert 'name="user"' not in browser.get(ADD).content.decode()
    assert browser.post(ADD, {"user": admin_user.pk, "name": "mine", "scope": "trade"}).status_code == 200
    assert ApiToken.objects.get().user == clerk


def test_deleting_a_token_on_the_page_revokes_it(admin_client: Client, make_user: Callable[..., User]) -> None:
    api = client_of(make_user("program"))
    assert api.get("/api/settings").status_code == 200
    row = ApiToken.objects.get()
    assert admin_client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 302
    assert api.get("/api/settings").status_code == 401


@pytest.mark.parametrize("days", ["0", "-1", "99999", "x"])
def test_an_end_that_makes_no_sense_is_refused_in_the_form(admin_client: Client, admin_user: User, days: str) -> None:
    form = {"user": admin_user.pk, "name": "notebook", "scope": "read", "days": days}
    assert "errorlist" in admin_client.post(ADD, form).content.decode()
    assert not ApiToken.objects.exists()


def test_the_list_says_which_tokens_have_ended(admin_client: Client, admin_user: User) -> None:
    ApiToken.issue(admin_user, "old")
    ApiToken.objects.update(password_mark="0" * 64)
    page = admin_client.get(LIST).content.decode()
    assert "ended by a change of password" in page


@pytest.mark.parametrize("column", ["digest", "password_mark"])
def test_the_list_is_no_oracle_for_what_is_stored(admin_client: Client, admin_user: User, column: str) -> None:
    ApiToken.issue(admin_user, "notebook")
    assert admin_client.get(f"{LIST}?{column}__startswith=a").status_code == 400


def test_nothing_of_a_token_can_be_changed(admin_client: Client, admin_user: User) -> None:
    ApiToken.issue(admin_user, "notebook", "read")
    row = ApiToken.objects.get()
    assert admin_client.post(f"{LIST}{row.pk}/change/", {"scope": "trade"}).status_code == 403
    assert ApiToken.objects.get().scope == "read"
