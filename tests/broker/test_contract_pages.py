"""Pages of contracts over HTTP, and contracts in the admin: the table's rows as people and programs see them."""

from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from redis import Redis
from rest_framework.test import APIClient

from broker import gateway, models
from broker.contracts import table
from broker.values import CONTRACT_FILES
from tests.broker.contract_files import FileServer, Sent, made_up, put, share, shares

pytestmark = pytest.mark.django_db


def page(trader: APIClient, query: str = "", file: str = "NSEEQ") -> dict[str, Any]:
    response = trader.get(f"/api/broker/contracts/{file}{query}")
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    return body


def names(body: dict[str, Any]) -> list[str]:
    return [contract["trading_symbol"] for contract in body["results"]]


def test_a_row_is_shown_whole_and_as_the_broker_wrote_its_numbers(files: FileServer, trader: APIClient) -> None:
    option = share(
        "NIFTY2643024000CE", 54321, "NSEFO", strikePrice="24000.00", tickSize="0.0025", lotSize="75",
        instrumentType="OPTIDX", optionType="CE", underlyingInstrumentName="NIFTY", expiry="30-Apr-2026 23:59",
    )  # fmt: skip
    put("NSEFO", [option])
    assert page(trader, file="NSEFO")["results"] == [
        {
            "exchange": "NSEFO",
            "symbol": "NIFTY2643024000CE",
            "series": "",
            "trading_symbol": "NIFTY2643024000CE",
            "instrument_id": "54321",
            "name": "NIFTY",
            "instrument_type": "OPTIDX",
            "option_type": "CE",
            "strike_price": "24000.00",
            "expiry": date(2026, 4, 30).isoformat(),
            "lot_size": 75,
            "tick_size": "0.0025",
        }
    ]


def test_as_of_is_when_the_file_was_taken_over(files: FileServer, redis: Redis, trader: APIClient) -> None:
    body = page(trader)
    state = gateway.contracts("NSEEQ").value
    assert (body["as_of"], body["stale"], body["count"]) == (state.refreshed_at.isoformat(), False, 10)


def test_pages_are_in_the_order_of_their_names_whatever_the_files(files: FileServer, trader: APIClient) -> None:
    put("NSEEQ", shares("C-EQ", "b-EQ", "A-EQ", "D-EQ"))
    assert [*names(page(trader, "?page_size=3")), *names(page(trader, "?page_size=3&page=2"))] == [
        *("A-EQ", "b-EQ", "C-EQ", "D-EQ")
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("%", ["50%-EQ"]),
        ("_", ["A_B-EQ"]),
        ("\\", []),
        ("'", ["A_B-EQ"]),
        ("m&m", ["M&M-EQ"]),
        ("mahindra", ["M&M-EQ"]),
        (" Limited ", ["50%-EQ", "M&M-EQ"]),
        ("-eq", ["50%-EQ", "A_B-EQ", "M&M-EQ"]),
        ("nothing", []),
    ],
)
def test_a_search_is_text_and_not_a_pattern(files: FileServer, trader: APIClient, text: str, found: list[str]) -> None:
    put(
        "NSEEQ",
        [
            share("50%-EQ", 1, underlyingInstrumentName="FIFTY LIMITED"),
            share("A_B-EQ", 2, underlyingInstrumentName="A'B"),
            share("M&M-EQ", 3, underlyingInstrumentName="Mahindra & Mahindra Limited"),
        ],
    )
    response = trader.get("/api/broker/contracts/NSEEQ", {"search": text})
    assert (names(response.json()), response.json()["count"]) == (found, len(found))


@pytest.mark.parametrize("file", CONTRACT_FILES)
def test_each_file_has_its_pages(files: FileServer, trader: APIClient, file: str) -> None:
    assert page(trader, "?page_size=4&page=3", file)["count"] == 10
    assert len(names(page(trader, "?page_size=4&page=3", file))) == 2


def test_a_page_of_the_largest_file_takes_few_statements(
    files: FileServer, redis: Redis, django_assert_num_queries: Callable[[int], Any]
) -> None:
    files.answers["NSEFO"] = [Sent(200, made_up("NSEFO", 3_000))]
    gateway.contracts("NSEFO")
    with django_assert_num_queries(5):
        _, found = gateway.contract_page("NSEFO", "u19", 100, 50)
    assert (found.total, len(found.contracts)) == (165, 50)


def test_the_page_before_one_past_the_end_is_the_last(files: FileServer, trader: APIClient) -> None:
    for query, last in (("?page_size=3&page=50", "4"), ("?page_size=3&page=5", "4"), ("?search=NOSUCH&page=7", "1")):
        body = page(trader, query)
        assert (body["next"], parse_qs(urlsplit(body["previous"]).query)["page"]) == (None, [last])


def test_rows_of_a_refresh_that_is_under_way_or_has_died_are_not_listed(files: FileServer, trader: APIClient) -> None:
    put("NSEEQ", shares("ABC-EQ"))
    put("BSEEQ", shares("XYZ", exchange="BSEEQ"))
    models.Contract.objects.filter(file="BSEEQ").update(file="NSEEQ", generation=7)
    assert names(page(trader)) == ["ABC-EQ"]
    found = table.page("NSEEQ", "XYZ", 0, 10)
    assert found is not None
    assert found.contracts == []


# --- the admin -------------------------------------------------------------------------------------------------


@pytest.fixture
def clerk(client: Client) -> Client:
    """May look at contracts, and at nothing else."""
    user = User.objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=("view_contract", "view_contractfile")))
    client.force_login(user)
    return client


def test_contracts_are_listed_searched_and_filtered_in_the_admin(files: FileServer, clerk: Client) -> None:
    put("NSEEQ", shares("ABC-EQ", "XYZ-EQ"))
    put("BSEEQ", shares("ABC", exchange="BSEEQ"))
    models.Contract.objects.filter(trading_symbol="XYZ-EQ").update(generation=7)
    everything = clerk.get("/admin/broker/contract/").content.decode()
    assert "ABC-EQ" in everything
    assert "XYZ-EQ" not in everything  # not of the live generation
    assert "ABC-EQ" not in clerk.get("/admin/broker/contract/?file__file__exact=BSEEQ").content.decode()
    assert "ABC-EQ" in clerk.get("/admin/broker/contract/?q=abc-e").content.decode()
    assert "NSEEQ" in clerk.get("/admin/broker/contractfile/").content.decode()


@pytest.mark.parametrize("kind", ["contract", "contractfile"])
def test_nothing_is_changed_in_the_admin(files: FileServer, admin_client: Client, kind: str) -> None:
    put("NSEEQ", shares("ABC-EQ"))
    row = models.Contract.objects.get() if kind == "contract" else models.ContractFile.objects.get()
    one = f"/admin/broker/{kind}/{row.pk}/"
    assert admin_client.get(f"{one}change/").status_code == 200
    for address in (f"{one}change/", f"{one}delete/", f"/admin/broker/{kind}/add/"):
        assert admin_client.post(address, {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    admin_client.post(f"/admin/broker/{kind}/", chosen)
    assert models.Contract.objects.count() == 1
