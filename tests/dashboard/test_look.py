"""What all pages share: the way in, the colours, the errors, the tables' order and CSV."""

import csv
from collections.abc import Callable
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client
from pytest_django.fixtures import Settings

from broker.iifl import login
from broker.simulator import Simulator
from dashboard.tables import Column, Kind, Table
from tests.dashboard.page import Page, Person

pytestmark = pytest.mark.django_db
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


# --- the way in --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/holdings",
        "/positions?sort=pnl&order=asc",
        "/orders/",
        "/symbols",
        "/api/",
        "/api/broker/holdings",
        "/api/watchlist/",
    ],
)
def test_a_visitor_is_sent_to_the_login_and_comes_back(
    client: Client, make_user: Callable[..., User], address: str
) -> None:
    answer = client.get(address, headers=HTML)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login?next=")
    form = Page(client.get(answer["Location"], headers=HTML).content.decode()).form("")
    assert [name for name, _ in form.fields if name in ("username", "password")] == ["username", "password"]
    make_user("somebody", "broker.view_account", "watchlist.view_watchlistitem")
    after = client.post(answer["Location"], dict(form.fields) | {"username": "somebody", "password": "correct horse"})
    assert after.status_code == 302
    assert after["Location"].rstrip("/") == address.rstrip("/")


@pytest.mark.parametrize("accept", ["application/json", "*/*"])
def test_a_program_is_told_401_as_before(client: Client, accept: str) -> None:
    answer = client.get("/api/broker/holdings", headers={"Accept": accept})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not_authenticated"


def test_a_wrong_token_is_no_person(client: Client) -> None:
    answer = client.get("/api/", headers=HTML | {"Authorization": "Token nonsense"})
    assert answer.status_code == 401


def test_a_wrong_password_is_said(client: Client) -> None:
    answer = client.post("/login", {"username": "nobody", "password": "wrong"}, headers=HTML)
    assert "correct username and password" in answer.content.decode()
    assert "wrong" not in answer.content.decode().split("<form")[1]


def test_the_login_leads_nowhere_else(client: Client, make_user: Callable[..., User]) -> None:
    make_user("somebody")
    fields = {"username": "somebody", "password": "correct horse", "next": "https://example.com/"}
    assert client.post("/login?next=https://example.com/", fields)["Location"] == "/"


def test_who_may_not_see_the_account_is_told_whom_to_ask(person: Callable[..., Person]) -> None:
    answer = person().get("/holdings")
    assert answer.status_code == 403
    text = Page(answer.content.decode()).text
    assert "broker.view_account" in text
    assert "Home" in text


# --- the broker's login ------------------------------------------------------------------------------------


def test_the_button_leads_to_the_brokers_page_and_marks_the_session(
    person: Callable[..., Person], settings: Settings
) -> None:
    settings.IIFL_SIMULATED, settings.REQUIRE_TOTP_FOR = False, ()
    operator = person("broker.log_in")
    assert login.LOGIN_PAGE not in operator.get("/broker/login").content.decode()
    answer = operator.client.post("/broker/login", headers=HTML)
    assert login.LOGIN_PAGE in answer.content.decode()
    assert "broker_login_began" in operator.client.session
    assert operator.client.get("/broker/callback/?authcode=code")["Location"] == "/"
    assert "broker_login_began" not in operator.client.session
    assert "form-action 'self';" in answer["Content-Security-Policy"]


# --- colours and errors ------------------------------------------------------------------------------------


def test_the_colours_are_the_browsers_choice(client: Client) -> None:
    assert 'data-theme="auto"' in client.get("/login", headers=HTML).content.decode()
    answer = client.post("/theme", {"theme": "dark", "next": "/login"})
    assert answer["Location"] == "/login"
    assert 'data-theme="dark"' in client.get("/login", headers=HTML).content.decode()
    client.post("/theme", {"theme": '"><script>', "next": "https://example.com"})
    assert 'data-theme="dark"' in client.get("/login", headers=HTML).content.decode()
    assert client.get("/theme").status_code == 405


def test_an_address_without_a_page_has_a_way_home(client: Client) -> None:
    answer = client.get("/no/such/page", headers=HTML)
    assert answer.status_code == 404
    assert 'href="/"' in answer.content.decode()
    assert "site.css" in answer.content.decode()


def test_a_failure_here_has_a_page_in_the_same_look(
    person: Callable[..., Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("a test")

    trader = person("broker.view_account")
    monkeypatch.setattr("dashboard.status.account_state.account_state", fail)
    trader.client.raise_request_exception = False
    answer = trader.get("/holdings")
    assert answer.status_code == 500
    assert "Something went wrong here" in answer.content.decode()
    assert "RuntimeError" not in answer.content.decode()


def test_a_database_that_is_away_has_a_page_that_says_so(
    person: Callable[..., Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OperationalError("a test")

    trader = person("broker.view_account")
    monkeypatch.setattr("dashboard.status.account_state.account_state", fail)
    trader.client.raise_request_exception = False
    answer = trader.get("/holdings")
    assert answer.status_code == 503
    assert "The database is away" in answer.content.decode()


@pytest.mark.parametrize("address", ["/", "/holdings", "/positions", "/orders", "/login", "/status", "/symbols?q=REL"])
def test_no_page_has_anything_inline_or_from_outside(viewer: Person, address: str) -> None:
    html = viewer.get(address).content.decode()
    assert "style=" not in html
    assert "<style" not in html
    assert "onclick" not in html
    assert "http://" not in html.replace("http://testserver", "")
    assert html.count("<script") == html.count("<script src=")


# --- tables ------------------------------------------------------------------------------------------------


def test_a_table_is_sorted_by_its_query(trader: Person) -> None:
    rows = trader.page("/holdings?sort=value&order=desc").rows
    values = [float(row.cells["value"].replace(",", "")) for row in rows]
    assert values == sorted(values, reverse=True)
    assert trader.page("/holdings?sort=nonsense&order=up").rows


def test_a_row_without_a_value_is_last_in_both_orders() -> None:
    table = Table("t", [Column("n", "N", value=lambda row: row)], [3, None, 1], str)
    assert [*table.sorted_by({"sort": "n"}).rows] == [1, 3, None]
    assert [*table.sorted_by({"sort": "n", "order": "desc"}).rows] == [3, 1, None]


@pytest.mark.parametrize("name", ["holdings", "positions", "orders", "trades"])
def test_a_table_is_downloaded_as_csv(trader: Person, simulator: Simulator, name: str) -> None:
    answer = trader.get(f"/{name}.csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert f'filename="{name}-' in answer["Content-Disposition"]
    assert list(csv.DictReader(StringIO(answer.content.decode())))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1"])
def test_no_text_of_a_csv_is_a_formula(text: str) -> None:
    table = Table("t", [Column("name", "N", Kind.TEXT, value=lambda row: row)], [text], str)
    (row,) = list(csv.reader(StringIO(table.csv(), newline="")))[1:]
    assert row[0].startswith("'")
