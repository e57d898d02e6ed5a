"""Logins, sessions and tokens with Redis gone: they live in the database."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from systemcache.models import ApiToken
from systemcache.storage.breaker import breaker

pytestmark = pytest.mark.django_db
PASSWORD = {"password": "correct horse"}


@pytest.fixture(autouse=True)
def boss(make_user: Callable[..., User]) -> User:
    return make_user("boss", is_staff=True, is_superuser=True)


@pytest.fixture(autouse=True)
def _gone() -> None:
    breaker.failed()  # noticed long ago; without this each test finds out for itself, which is tried below


@pytest.mark.parametrize("noticed", [True, False])
def test_a_person_logs_in_by_the_form_works_and_logs_out(noticed: bool) -> None:
    if not noticed:
        breaker.reset()
    browser = Client(enforce_csrf_checks=True)
    page = browser.get("/admin/login/")
    form = {"username": "boss", **PASSWORD, "csrfmiddlewaretoken": page.cookies["csrftoken"].value, "next": "/admin/"}
    assert browser.post("/admin/login/", form).headers["Location"] == "/admin/"
    assert browser.get("/admin/").status_code == 200
    assert browser.get("/api/settings").headers["X-Cache"] == "bypass"
    form = {"csrfmiddlewaretoken": browser.cookies["csrftoken"].value}
    assert browser.post("/admin/logout/", form).status_code == 302
    assert browser.get("/api/settings").status_code == 401


def test_a_wrong_password_is_still_wrong() -> None:
    assert not Client().login(username="boss", password="wrong")
    assert Client().post("/admin/login/", {"username": "boss", "password": "wrong"}).status_code == 200


def test_a_session_of_before_the_outage_goes_on() -> None:
    breaker.reset()
    browser = Client()
    assert browser.login(username="boss", **PASSWORD)
    breaker.failed()
    assert browser.get("/api/settings").status_code == 200


@pytest.mark.parametrize("noticed", [True, False])
def test_a_program_with_a_token_is_known_and_one_without_is_not(boss: User, noticed: bool) -> None:
    if not noticed:
        breaker.reset()
    program = APIClient()
    token = ApiToken.issue(boss, "test")
    program.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    answer = program.get("/api/settings")
    assert (answer.status_code, answer.headers["X-Cache"]) == (200, "bypass")
    ApiToken.objects.all().delete()
    assert program.get("/api/settings").status_code == 401
    assert APIClient().get("/api/settings").status_code == 401


def test_the_admin_says_that_redis_is_gone_rather_than_fail() -> None:
    browser = Client()
    browser.login(username="boss", **PASSWORD)
    for path in ("/", "/admin/", "/admin/systemcache/clearrecord/", "/admin/systemcache/apitoken/"):
        assert browser.get(path).status_code == 200, path
