"""A warm request: no SQL, no call to the broker, no more of Redis than must be; and the answer of the long way."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings
from redis import Redis
from rest_framework.test import APIClient

from broker.simulator import Simulator
from systemcache.local import near_cache
from systemcache.models import ApiToken
from systemcache.per_view import middleware
from tests.support.people import client_of
from tests.support.waiting import eventually
from tests.systemcache.near.warm_requests import HOLDINGS, WATCHLIST, is_short, lasting, mgets, warm
from watchlist.models import WatchlistItem

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("listener_thread")]

SHORT = (
    HOLDINGS,
    "/api/broker/positions",
    "/api/broker/margins",
    "/api/broker/orders",
    "/api/broker/trades",
    "/api/broker/profile",
    "/api/portfolio/summary",
    "/api/portfolio/risk",
    "/api/watchlist",
    WATCHLIST,
    "/api/signals",
    "/api/settings",
)


@pytest.mark.parametrize("address", SHORT)
def test_a_warm_request_needs_no_sql_and_no_broker(
    program: APIClient, simulator: Simulator, django_assert_num_queries: DjangoAssertNumQueries, address: str
) -> None:
    warm(program, address)
    simulator.clear_calls()
    with django_assert_num_queries(0):
        answer = program.get(address)
    assert answer["X-Cache"] == "hit"
    assert simulator.calls == ()


@pytest.mark.parametrize(("address", "trips"), [(HOLDINGS, 0), ("/api/broker/profile", 0), (WATCHLIST, 1)])
def test_a_warm_request_asks_redis_this_often(program: APIClient, redis: Redis, address: str, trips: int) -> None:
    warm(program, address)
    eventually(lambda: near_cache.copies.get("auth:token:" + ApiToken.objects.get().digest) is not None)

    def asked() -> int:
        before = mgets(redis)
        program.get(address)
        return mgets(redis) - before

    eventually(lambda: asked() == trips)  # the echo of the last storing may still be on its way
    assert [asked() for _ in range(5)] == [trips] * 5


@pytest.mark.parametrize("address", SHORT)
def test_the_short_way_answers_as_the_long_way_does(
    program: APIClient, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    warm(program, address)
    assert is_short(program, address, monkeypatch)
    short = program.get(address)
    middleware.routes.reset()
    long = program.get(address)
    assert short.content == long.content
    assert lasting(short) == lasting(long)


def test_a_host_that_is_not_ours_is_refused_all_the_same(program: APIClient) -> None:
    warm(program, HOLDINGS)
    assert program.get(HOLDINGS, headers={"Host": "elsewhere.example"}).status_code == 400


@pytest.mark.parametrize(("name", "status"), [("Host", 400), ("Accept", 406)])
def test_a_header_that_is_empty_is_not_one_that_is_missing(program: APIClient, name: str, status: int) -> None:
    warm(program, HOLDINGS)
    assert program.get(HOLDINGS, headers={name: ""}).status_code == status


def test_an_answer_over_https_is_none_for_http(program: APIClient, settings: Settings) -> None:
    """Which is redirected."""
    settings.SECURE_SSL_REDIRECT = True
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    program.defaults["HTTP_X_FORWARDED_PROTO"] = "https"
    warm(program, HOLDINGS)
    program.defaults["HTTP_X_FORWARDED_PROTO"] = "http"
    assert program.get(HOLDINGS).status_code == 301


def test_a_client_that_has_the_answer_gets_304(program: APIClient) -> None:
    etag = warm(program, HOLDINGS)["ETag"]
    answer = program.get(HOLDINGS, headers={"If-None-Match": etag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer["ETag"] == etag
    assert program.get(HOLDINGS, headers={"If-None-Match": '"another"'}).status_code == 200


CONDITIONS = (
    ("If-None-Match", "{etag}"),
    ("If-None-Match", 'W/"old", W/{etag}'),
    ("If-None-Match", '"old", W/"older"'),
    ("If-None-Match", "*"),
    ("If-None-Match", "no tag"),
    ("If-Match", "{etag}"),
    ("If-Match", '"old"'),
    ("If-Match", "*"),
    ("If-Modified-Since", "Sat, 01 Jan 2050 00:00:00 GMT"),
    ("If-Unmodified-Since", "Sat, 01 Jan 2000 00:00:00 GMT"),
    ("Range", "bytes=0-3"),
)


@pytest.mark.parametrize(("name", "value"), CONDITIONS)
def test_conditions_are_judged_alike_on_both_ways(program: APIClient, name: str, value: str) -> None:
    headers = {name: value.format(etag=warm(program, HOLDINGS)["ETag"])}
    short = program.get(HOLDINGS, headers=headers)
    middleware.routes.reset()
    long = program.get(HOLDINGS, headers=headers)
    assert (short.status_code, short.content) == (long.status_code, long.content)
    assert lasting(short).items() >= lasting(long).items()


ODD = (
    "//api/broker/holdings",
    "/api//broker/holdings",
    "/API/broker/holdings",
    "/api/broker/holding%73",
    "/api/broker/holdings%2F",
    "/api/broker/holdings;a=b",
    "/api/watchlist.json",
    "/api/watchlist?active=all&active=true",
    "/api/watchlist?active=true&active=all",
    "/api/watchlist?active=%61ll",
    "/api/watchlist?%61ctive=all",
    "/api/watchlist?active=",
    "/api/watchlist?format=json",
    "/api/watchlist?format=api",
    "/api/signals?limit=%2B3",
    "/api/signals?limit=3&limit=4",
    "/api/signals?status=pending",
)


def undated(answer: Any) -> bytes:
    """What is read from the database at each request is as old as the request."""
    content: bytes = answer.content
    return re.sub(rb'"as_of":"[^"]*"', b"", content)


SCHEMES = ("Token {}", "Token  {}", "Token {} ", "token {}", "Token {0} {0}", "Bearer {}", "Token x{}", "{}", "")


@pytest.mark.parametrize("address", ODD)
def test_odd_requests_are_answered_alike_on_both_ways(program: APIClient, client: Client, address: str) -> None:
    WatchlistItem.objects.create(symbol="TCS", is_active=False)
    token = ApiToken.issue(User.objects.get(), "odd")
    client.get(HOLDINGS, headers={"Authorization": f"Token {token}"})  # it is known
    requests = [
        partial(getattr(client, method), address, headers={"Authorization": scheme.format(token)})
        for method in ("get", "head", "options")
        for scheme in SCHEMES
    ]
    for learned in (address, HOLDINGS, WATCHLIST, "/api/watchlist", "/api/signals"):
        program.get(learned)
    for request, short in [(request, request()) for request in requests]:
        middleware.routes.reset()
        long = request()
        assert short.status_code == long.status_code
        assert short["Content-Type"].startswith("text/html") or undated(short) == undated(long)


def test_a_body_that_is_too_large_is_refused_all_the_same(program: APIClient) -> None:
    warm(program, HOLDINGS)
    assert program.get(HOLDINGS, CONTENT_LENGTH=str(10**9)).status_code == 413


@pytest.mark.parametrize("accept", ["text/html", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "text/csv"])
def test_other_forms_go_the_long_way(program: APIClient, monkeypatch: pytest.MonkeyPatch, accept: str) -> None:
    warm(program, HOLDINGS)
    program.defaults["HTTP_ACCEPT"] = accept
    assert not is_short(program, HOLDINGS, monkeypatch)


def test_a_person_gets_a_page(program: APIClient, client: Client) -> None:
    warm(program, HOLDINGS)
    client.force_login(User.objects.get())
    page = client.get(HOLDINGS + "/", headers={"Accept": "text/html"})
    assert page["Content-Type"].startswith("text/html")
    assert "Holdings" in page.content.decode()


def test_no_token_no_answer(program: APIClient, anonymous: APIClient) -> None:
    warm(program, HOLDINGS)
    assert anonymous.get(HOLDINGS).status_code == 401
    for scheme in ("Token nonsense", "Token ", "Token", "Bearer x", "token a b"):
        assert anonymous.get(HOLDINGS, headers={"Authorization": scheme}).status_code == 401


def test_another_programs_rights_are_its_own(program: APIClient, make_user: Callable[..., User]) -> None:
    stranger = client_of(make_user("stranger"))
    warm(program, HOLDINGS)
    warm(stranger, WATCHLIST)
    assert stranger.get(HOLDINGS).status_code == 403
    assert program.get(HOLDINGS).status_code == 200


def test_what_was_written_is_shown(program: APIClient) -> None:
    warm(program, WATCHLIST)
    for number in range(20):
        WatchlistItem.objects.create(symbol=f"SYM{number}")
        assert f"SYM{number}" in program.get(WATCHLIST).content.decode()


@pytest.mark.parametrize("address", [HOLDINGS, WATCHLIST])
def test_what_is_no_longer_in_the_cache_is_loaded_the_long_way(program: APIClient, redis: Redis, address: str) -> None:
    warm(program, address)
    redis.flushall()
    eventually(lambda: near_cache.copies.size()[0] == 0)
    assert program.get(address)["X-Cache"] == "miss"


def test_another_query_is_another_address(program: APIClient) -> None:
    WatchlistItem.objects.create(symbol="TCS", is_active=False)
    all_of_them = warm(program, WATCHLIST).json()["data"]
    active = warm(program, "/api/watchlist?active=true").json()["data"]
    assert "TCS" in [row["symbol"] for row in all_of_them]
    assert "TCS" not in [row["symbol"] for row in active]
