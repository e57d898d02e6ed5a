"""What a browser may load and do on our pages: nothing from outside, no inline script anywhere."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from pytest_django.fixtures import Settings

from broker.simulator import Simulator
from tradingsite import content_policy

STRICT = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
PAGES = ("/", "/admin/", "/admin/login/", "/admin/systemcache/cache/", "/admin/watchlist/signal/", "/broker/callback/")
BROWSER = {"accept": "text/html"}


@pytest.mark.parametrize("page", PAGES)
def test_our_pages_and_the_admins_load_nothing_but_our_own(
    admin_client: Client, simulator: Simulator, page: str
) -> None:
    policy = admin_client.get(page, headers=BROWSER).headers["Content-Security-Policy"]
    assert policy.removesuffix("; connect-src 'self' http://testserver:8001") == STRICT


@pytest.mark.parametrize(
    ("address", "policy"),
    [
        ("", "; connect-src 'self' http://testserver:8001"),
        ("https://events.example/stream", "; connect-src 'self' https://events.example"),
        ("http://testserver/stream", ""),
    ],
)
def test_the_traders_pages_read_the_stream_at_its_address(
    admin_client: Client, simulator: Simulator, settings: Settings, address: str, policy: str
) -> None:
    settings.STREAM_URL = address
    answer = admin_client.get("/", headers=BROWSER)
    assert answer.headers["Content-Security-Policy"] == STRICT + policy
    assert f'data-stream="{address or "http://testserver:8001/stream"}"' in answer.content.decode()
    assert "connect-src" not in admin_client.get("/admin/", headers=BROWSER).headers["Content-Security-Policy"]


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["/nosuch/", "/admin/nosuch/", "/api/settings/", "/api/auth/login/"])
def test_pages_that_refuse_carry_it_too(client: Client, page: str) -> None:
    answer = client.get(page, follow=True, headers=BROWSER)
    if answer.headers["Content-Type"].startswith("text/html"):
        assert answer.headers["Content-Security-Policy"].startswith(STRICT)


@pytest.mark.parametrize("page", ["/api/", "/api/settings/", "/api/docs/", "/api/auth/login/"])
def test_no_page_may_run_inline_scripts(admin_client: Client, page: str) -> None:
    policy = admin_client.get(page, headers=BROWSER).headers["Content-Security-Policy"]
    assert policy.startswith(STRICT)
    assert "script" not in policy
    assert "unsafe-inline" not in policy.replace("style-src-attr 'unsafe-inline'", "")


@pytest.mark.parametrize(("page", "holds"), [("/api/", True), ("/api/docs/", False), ("/", False), ("/apis/", False)])
def test_style_attributes_are_for_the_browsable_api_alone(page: str, holds: bool) -> None:
    assert ("style-src-attr" in content_policy.policy_of(page)) is holds


def test_what_is_no_page_has_none(admin_client: Client) -> None:
    for path in ("/api/settings", "/api/system/health", "/metrics"):
        assert "Content-Security-Policy" not in admin_client.get(path).headers


@pytest.mark.parametrize(("debug", "status", "carries"), [(True, 500, False), (True, 200, True), (False, 500, True)])
def test_only_djangos_error_pages_of_a_developer_go_without(
    settings: Settings, rf: RequestFactory, debug: bool, status: int, carries: bool
) -> None:
    settings.DEBUG = debug
    page: Callable[[HttpRequest], HttpResponse] = lambda _: HttpResponse("x", status=status)  # noqa: E731 - a view
    answer = content_policy.content_security_policy(page)(rf.get("/"))
    assert ("Content-Security-Policy" in answer.headers) is carries


def test_one_logs_out_of_the_browsable_api_without_a_script(client: Client, admin_user: User) -> None:
    client.force_login(admin_user)
    assert "onclick" not in client.get("/api/settings/", headers=BROWSER).content.decode()
    client.post("/api/auth/logout/?next=/api/")
    assert client.get("/api/settings/").status_code == 401
