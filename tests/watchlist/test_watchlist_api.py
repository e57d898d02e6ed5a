"""/api/watchlist, as programs see it."""

from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from broker.errors import BrokerUnreachable
from tests.watchlist.conftest import Commits, Market
from watchlist.models import WatchlistItem
from watchlist.schemas import WatchlistItemSchema
from watchlist.serializers import WatchlistItemSerializer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("market")]

ROUTE = "/api/watchlist"


def add(**fields: Any) -> WatchlistItem:
    return WatchlistItem.objects.create(**{"symbol": "TCS", "category": "hold", **fields})


def symbols(answer: Any) -> list[str]:
    return [row["symbol"] for row in answer.json()["data"]]


def detail(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 400, answer.content
    found: dict[str, list[str]] = answer.json()["error"]["detail"]
    return found


def test_an_item_is_made_read_replaced_changed_and_deleted(owner: APIClient) -> None:
    made = owner.post(ROUTE, {"symbol": "reliance-eq", "category": "long_term", "target_price": "2900.5"})
    assert made.status_code == 201
    assert made.json()["symbol"] == "RELIANCE"
    assert made.json()["target_price"] == "2900.50"
    assert made.json()["is_active"] is True
    address = f"{ROUTE}/{made.json()['id']}"
    assert owner.get(address).json() == made.json()

    replaced = owner.put(address, {"symbol": "INFY", "category": "hold", "notes": "results on Friday"})
    assert replaced.status_code == 200
    assert (replaced.json()["symbol"], replaced.json()["notes"]) == ("INFY", "results on Friday")

    assert owner.patch(address, {"is_active": False}).json()["is_active"] is False
    assert owner.delete(address).status_code == 204
    assert owner.get(address).status_code == 404


def test_the_list_and_the_detail_show_a_row_alike(owner: APIClient) -> None:
    made = owner.post(ROUTE, {"symbol": "TCS", "category": "hold", "target_price": 1, "notes": "ü"}).json()
    assert owner.get(ROUTE).json()["data"] == [made]
    assert made["created_at"].endswith("+05:30")


def test_the_serializer_and_the_row_name_the_same_columns() -> None:
    assert tuple(WatchlistItemSerializer().fields) == WatchlistItemSchema.__struct_fields__


def test_the_list_shows_active_items_by_symbol_unless_asked_otherwise(owner: APIClient) -> None:
    add(symbol="TCS")
    add(symbol="INFY", category="long_term")
    add(symbol="SBIN", is_active=False)
    assert symbols(owner.get(ROUTE)) == ["INFY", "TCS"]
    assert symbols(owner.get(ROUTE, {"active": "false"})) == ["SBIN"]
    assert symbols(owner.get(ROUTE, {"active": "all"})) == ["INFY", "SBIN", "TCS"]
    assert symbols(owner.get(ROUTE, {"active": "all", "category": "hold"})) == ["SBIN", "TCS"]
    assert symbols(owner.get(ROUTE, {"category": "all"})) == ["INFY", "TCS"]


@pytest.mark.usefixtures("redis_store")
def test_the_second_read_is_a_hit_and_a_write_ends_it(owner: APIClient, commits: Commits) -> None:
    assert owner.get(ROUTE)["X-Cache"] == "miss"
    assert owner.get(ROUTE)["X-Cache"] == "hit"
    with commits():
        owner.post(ROUTE, {"symbol": "TCS", "category": "hold"})
    after = owner.get(ROUTE)
    assert (after["X-Cache"], symbols(after)) == ("miss", ["TCS"])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"active": "yes"}, "active"),
        ({"active": "1"}, "active"),
        ({"active": ""}, "active"),
        ({"category": ""}, "category"),
        ({"category": "x\0"}, "category"),
    ],
)
def test_an_unknown_query_value_is_named(owner: APIClient, query: dict[str, str], field: str) -> None:
    assert list(detail(owner.get(ROUTE, query))) == [field]


def test_an_unknown_symbol_is_refused(owner: APIClient) -> None:
    answer = owner.post(ROUTE, {"symbol": "NOSUCH", "category": "hold"})
    assert detail(answer) == {"symbol": ["NSEEQ has no such symbol."]}


def test_a_symbol_is_looked_up_on_its_own_exchange(owner: APIClient) -> None:
    assert owner.post(ROUTE, {"symbol": "RELIANCE", "exchange": "BSEEQ", "category": "hold"}).status_code == 201
    answer = owner.post(ROUTE, {"symbol": "TCS", "exchange": "BSEEQ", "category": "hold"})
    assert "BSEEQ" in detail(answer)["symbol"][0]


def test_changing_the_exchange_alone_looks_the_symbol_up_again(owner: APIClient) -> None:
    item = add()
    assert "symbol" in detail(owner.patch(f"{ROUTE}/{item.pk}", {"exchange": "BSEEQ"}))


def test_a_broker_that_is_away_stops_new_symbols_only(owner: APIClient, market: Market) -> None:
    item = add()
    market.failure = BrokerUnreachable("refused")
    assert owner.post(ROUTE, {"symbol": "INFY", "category": "hold"}).status_code == 503
    changed = owner.put(f"{ROUTE}/{item.pk}", {"symbol": "TCS", "category": "long_term"})
    assert (changed.status_code, changed.json()["category"]) == (200, "long_term")


def test_a_duplicate_is_refused_also_under_another_name(owner: APIClient) -> None:
    add()
    other = add(category="long_term")
    assert "symbol" in detail(owner.post(ROUTE, {"symbol": "tcs-eq", "category": "hold"}))
    assert "symbol" in detail(owner.patch(f"{ROUTE}/{other.pk}", {"category": "hold"}))


def test_a_change_leaves_what_others_changed_meanwhile(owner: APIClient) -> None:
    item = add()
    serializer = WatchlistItemSerializer(item, data={"notes": "mine"}, partial=True)
    serializer.is_valid(raise_exception=True)
    WatchlistItem.objects.update(target_price=5)
    serializer.save()
    item.refresh_from_db()
    assert (item.notes, item.target_price) == ("mine", Decimal(5))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"symbol": ""}, "symbol"),
        ({"symbol": "X" * 51}, "symbol"),
        ({"symbol": "TC\0S"}, "symbol"),
        ({"symbol": ["TCS"]}, "symbol"),
        ({"symbol": None}, "symbol"),
        ({"category": "someday"}, "category"),
        ({"category": {"a": 1}}, "category"),
        ({"exchange": "NYSE"}, "exchange"),
        ({"is_active": "perhaps"}, "is_active"),
        ({"notes": "a\0b"}, "notes"),
        ({"notes": "x" * 2001}, "notes"),
        ({"target_price": 0}, "target_price"),
        ({"target_price": "-1"}, "target_price"),
        ({"target_price": "NaN"}, "target_price"),
        ({"target_price": "1.00001"}, "target_price"),
        ({"target_price": 10**30}, "target_price"),
        ({"target_price": "Infinity"}, "target_price"),
    ],
    ids=str,
)
def test_a_wrong_field_is_named(owner: APIClient, wrong: dict[str, Any], field: str) -> None:
    assert list(detail(owner.post(ROUTE, {"symbol": "TCS", "category": "hold", **wrong}))) == [field]


def test_half_a_character_is_refused_and_not_quoted(owner: APIClient) -> None:
    for field in ("symbol", "category", "exchange", "notes"):
        body = f'{{"symbol": "TCS", "{field}": "\\ud800"}}'
        answer = owner.post(ROUTE, body, content_type="application/json")
        assert field in detail(answer)


@pytest.mark.parametrize("body", ["[]", '"TCS"', "7", "null", "{", "NaN"])
def test_a_body_that_is_no_object_is_refused(owner: APIClient, body: str) -> None:
    assert owner.post(ROUTE, body, content_type="application/json").status_code == 400


@pytest.mark.parametrize("number", ["0", "99", str(2**63), "9" * 19, "9" * 400, "abc", "-1", "%00"])
def test_a_number_that_no_item_has_is_not_found(owner: APIClient, number: str) -> None:
    for method in (owner.get, owner.put, owner.patch, owner.delete):
        assert method(f"{ROUTE}/{number}").status_code == 404


def test_anonymous_callers_are_asked_to_log_in(anonymous: APIClient) -> None:
    item = add()
    for method in (anonymous.get, anonymous.post):
        assert method(ROUTE).status_code == 401
    for method in (anonymous.get, anonymous.put, anonymous.patch, anonymous.delete):
        assert method(f"{ROUTE}/{item.pk}").status_code == 401


def test_a_stranger_reads_and_writes_nothing(stranger: APIClient) -> None:
    item = add()
    assert stranger.get(ROUTE).status_code == 200
    assert stranger.get(f"{ROUTE}/{item.pk}").status_code == 200
    assert stranger.post(ROUTE, {"symbol": "INFY", "category": "hold"}).status_code == 403
    for method in (stranger.put, stranger.patch, stranger.delete):
        assert method(f"{ROUTE}/{item.pk}", {"category": "hold"}).status_code == 403
    assert WatchlistItem.objects.get().category == "hold"


@pytest.mark.parametrize("path", ["", "/1"])
def test_the_browsable_pages_open(owner: APIClient, path: str) -> None:
    add(pk=1)
    answer = owner.get(ROUTE + path, HTTP_ACCEPT="text/html")
    assert answer.status_code == 200
    assert "TCS" in answer.content.decode()
