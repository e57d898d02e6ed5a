"""What Django's debug page says of the settings and of a failed request."""

from uuid import uuid4

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from pytest_django.fixtures import Settings

PASSWORD = f"password-{uuid4().hex}"  # not in this file, whose lines the page shows
TOKEN = f"token-{uuid4().hex}"


def fail(request: HttpRequest) -> HttpResponse:
    auth_code = "code-of-" + str(request).lower()[1:5]  # noqa: F841 - the page shows local variables, and this line
    raise RuntimeError("a view has failed")


urlpatterns = [path("fail", fail)]


@pytest.fixture
def debug_page(settings: Settings) -> str:
    settings.DEBUG = True
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []
    settings.REDIS_URL = f"redis://:{PASSWORD}@127.0.0.1:1/0"
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": settings.REDIS_URL}}
    settings.DATABASE_URL = f"postgres://site:{PASSWORD}@127.0.0.1/site"
    client = Client(raise_request_exception=False)
    answer = client.get("/fail", headers={"authorization": f"Token {TOKEN}", "accept": "text/html"})
    assert answer.status_code == 500
    return answer.content.decode()


def test_the_debug_page_names_the_settings_and_hides_the_passwords_in_addresses(debug_page: str) -> None:
    assert "a view has failed" in debug_page
    assert "REDIS_URL" in debug_page
    assert "LOCATION" in debug_page
    assert PASSWORD not in debug_page


def test_the_debug_page_shows_neither_the_callers_token_nor_secret_variables(debug_page: str) -> None:
    assert "auth_code" in debug_page
    assert "code-of-wsgi" not in debug_page
    assert TOKEN not in debug_page
