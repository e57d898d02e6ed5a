"""The broker's routes over HTTP: what they answer, to whom, and how old it is."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from pytest_django.fixtures import Settings
from redis import Redis
from rest_framework.test import APIClient

from broker.api import urls
from broker.clock import IST
from broker.simulator import Simulator
from systemcache.stats import counters
from tests.broker.routes import ROUTES, assert_error

any_route = pytest.mark.parametrize("address", ROUTES.values(), ids=ROUTES.keys())


@pytest.fixture(autouse=True)
def patient_quotes(settings: Settings) -> None:
    """No test here lasts until a quote ends."""
    settings.CACHE_TTLS = {**settings.CACHE_TTLS, "quotes": 60, "depth": 60}


def with_slash(address: str) -> str:
    path, mark, query = address.partition("?")
    return f"{path}/{mark}{query}"


def test_every_route_is_tested_here() -> None:
    assert {pattern.name for pattern in urls.urlpatterns} == set(ROUTES) | {
        *("order", "order-margin", "span-margin", "trading-switch")
    }


@any_route
@pytest.mark.parametrize("slash", ["with", "without"])
def test_the_first_answer_is_a_miss_and_the_second_a_hit_with_the_same_bytes(
    simulator: Simulator, redis: Redis, trader: APIClient, address: str, slash: str
) -> None:
    address = with_slash(address) if slash == "with" else address
    first, second = trader.get(address), trader.get(address)
    assert [response.status_code for response in (first, second)] == [200, 200]
    assert [response["X-Cache"] for response in (first, second)] == ["miss", "hit"]
    assert first.content == second.content
    assert first["ETag"] == second["ETag"]


@any_route
def test_an_answer_says_how_old_it_is(simulator: Simulator, redis: Redis, trader: APIClient, address: str) -> None:
    before = datetime.now(IST)
    response = trader.get(address)
    body = response.json()
    assert before - timedelta(seconds=1) <= datetime.fromisoformat(body["as_of"]) <= datetime.now(IST)
    assert body["as_of"].endswith("+05:30")
    assert body["stale"] is False
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "private, no-cache"
    assert 0 <= int(response["Age"]) <= 5


@any_route
def test_who_has_the_answer_already_gets_304_without_a_body(
    simulator: Simulator, redis: Redis, trader: APIClient, address: str
) -> None:
    tag = trader.get(address)["ETag"]
    again = trader.get(address, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert trader.get(address, headers={"If-None-Match": '"another"'}).status_code == 200


@any_route
def test_without_redis_the_answer_is_a_bypass(simulator: Simulator, trader: APIClient, address: str) -> None:
    for _ in range(2):
        response = trader.get(address)
        assert (response.status_code, response["X-Cache"]) == (200, "bypass")


@any_route
@pytest.mark.django_db
def test_who_is_not_logged_in_gets_401_and_the_broker_is_not_called(
    simulator: Simulator, anonymous: APIClient, address: str
) -> None:
    response = anonymous.get(address)
    assert_error(response, 401, "not_authenticated")
    assert response["WWW-Authenticate"] == "Token"
    assert simulator.calls == ()


@any_route
def test_who_may_not_see_the_account_gets_403_and_the_broker_is_not_called(
    simulator: Simulator, stranger: APIClient, staff: APIClient, address: str
) -> None:
    for nobody in (stranger, staff):
        error = assert_error(nobody.get(address), 403, "permission_denied")
        assert "broker.view_account" in error["message"]
    assert simulator.calls == ()


@pytest.mark.parametrize("address", [address for name, address in ROUTES.items() if name != "orders"])
def test_what_is_only_read_cannot_be_written(simulator: Simulator, trader: APIClient, address: str) -> None:
    for method in (trader.post, trader.put, trader.patch, trader.delete):
        assert_error(method(address), 405, "method_not_allowed")
    assert simulator.calls == ()


@any_route
def test_a_person_sees_the_same_in_the_browsable_api(simulator: Simulator, trader: APIClient, address: str) -> None:
    response = trader.get(address, headers={"Accept": "text/html"})
    assert response.status_code == 200
    assert "as_of" in response.content.decode()


@pytest.mark.parametrize("path", ["/api/broker/nothing", "/api/broker/holdings/5", "/api/portfolio"])
def test_an_address_with_nothing_at_it_is_404_in_the_same_shape(trader: APIClient, path: str) -> None:
    for address in (path, f"{path}/"):
        assert_error(trader.get(address), 404, "not_found")


def test_a_format_that_is_not_served_is_406_in_the_same_shape(simulator: Simulator, trader: APIClient) -> None:
    assert_error(trader.get("/api/broker/holdings", headers={"Accept": "text/csv"}), 406, "not_acceptable")


# --- what is in the answers ------------------------------------------------------------------------------------


def test_money_travels_as_digits_and_times_with_their_offset(simulator: Simulator, trader: APIClient) -> None:
    holding = trader.get("/api/broker/holdings").json()["data"][0]
    assert (holding["symbol"], holding["exchange"], holding["quantity"]) == ("RELIANCE", "NSEEQ", 120)
    assert isinstance(holding["average_price"], str)
    candle = trader.get(ROUTES["candles"]).json()["data"][0]
    assert candle["time"] == "2024-09-02T09:15:00+05:30"
    assert set(candle) == {"time", "open", "high", "low", "close", "volume"}


def test_rows_of_the_account_carry_their_value_and_gain(simulator: Simulator, trader: APIClient) -> None:
    for book in ("holdings", "positions"):
        rows = trader.get(f"/api/broker/{book}").json()["data"]
        assert rows
        for row in rows:
            assert {"ltp", "quoted_at", "value", "invested", "pnl", "pnl_percent", "day_pnl", "day_pnl_percent"} < set(
                row
            )
            if row.get("net_quantity", 1):
                assert Decimal(row["pnl"]) == Decimal(row["value"]) - Decimal(row["invested"])
                assert re.fullmatch(r"-?\d+\.\d\d", row["day_pnl"])
    holding = trader.get("/api/broker/holdings").json()["data"][0]
    assert Decimal(holding["value"]) == holding["quantity"] * Decimal(holding["ltp"])
    assert Decimal(holding["invested"]) == holding["quantity"] * Decimal(holding["average_price"])


def test_a_hit_on_a_book_asks_for_no_price_and_a_book_is_served_without_prices(
    simulator: Simulator, redis: Redis, trader: APIClient
) -> None:
    trader.get("/api/broker/holdings")
    assert trader.get("/api/broker/holdings").headers["X-Cache"] == "hit"
    assert [call.route for call in simulator.calls].count("marketquotes") == 1
    simulator.fail("marketquotes", "503")
    response = trader.get("/api/broker/positions")
    assert response.status_code == 200
    assert {row["ltp"] for row in response.json()["data"]} == {None}


def test_books_take_prices_from_the_cache_and_leave_theirs_there(
    simulator: Simulator, redis: Redis, settings: Settings, trader: APIClient
) -> None:
    settings.CACHE_TTLS = {**settings.CACHE_TTLS, "quotes": 60}
    rows = trader.get("/api/broker/holdings").json()["data"]
    trader.get("/api/portfolio/summary")
    symbols = ",".join(row["symbol"].replace("&", "%26") for row in rows if row["exchange"] == "NSEEQ")
    assert trader.get(f"/api/broker/quotes?symbols={symbols}")["X-Cache"] == "hit"
    # The holdings' prices, and those of the positions.
    assert [call.route for call in simulator.calls].count("marketquotes") == 2


def test_a_book_and_its_prices_are_one_read_of_a_caller(simulator: Simulator, redis: Redis, trader: APIClient) -> None:
    for _ in range(22):
        trader.get("/api/broker/holdings")
    snapshot = counters.snapshot()
    assert (snapshot["misses"], snapshot["hits"], snapshot["hit_rate_percent"]) == (1, 21, 95.45)
    trader.get("/api/broker/positions")
    assert counters.snapshot()["misses"] == 2


def test_a_range_has_both_its_ends(simulator: Simulator, trader: APIClient) -> None:
    found = trader.get(ROUTES["candles"]).json()["data"]
    assert [candle["time"][:10] for candle in found] == [f"2024-09-{day:02}" for day in (*range(2, 7), *range(9, 14))]


def test_quotes_come_in_the_order_asked_for_each_once(simulator: Simulator, trader: APIClient) -> None:
    body = trader.get("/api/broker/quotes?symbols=infy, RELIANCE,INFY,M%26M").json()
    assert [quote["symbol"] for quote in body["data"]] == ["INFY", "RELIANCE", "M&M"]
    assert body["unquoted"] == []


def test_an_unknown_symbol_is_named_and_does_not_fail_the_rest(simulator: Simulator, trader: APIClient) -> None:
    body = trader.get("/api/broker/quotes?symbols=INFY,NOSUCH,TCS").json()
    assert [quote["symbol"] for quote in body["data"]] == ["INFY", "TCS"]
    assert (body["unquoted"], body["unknown"]) == ([], ["NOSUCH"])
    alone = trader.get("/api/broker/quotes?symbols=NOSUCH,NEITHER")
    assert (alone.status_code, alone.json()["error"]["code"]) == (400, "unknown_symbol")
    assert alone.json()["error"]["detail"] == {"symbols": ["NSEEQ has no symbol NOSUCH."]}


def test_a_symbol_without_a_quote_is_named(simulator: Simulator, trader: APIClient) -> None:
    simulator.fail("marketquotes", "empty")
    response = trader.get("/api/broker/quotes?symbols=INFY,TCS")
    assert (response.status_code, response.json()["data"], response.json()["unquoted"]) == (200, [], ["INFY", "TCS"])


def test_one_loaded_quote_among_cached_ones_makes_the_answer_a_miss(
    simulator: Simulator, redis: Redis, trader: APIClient
) -> None:
    kept = trader.get("/api/broker/quotes?symbols=INFY").json()
    both = trader.get("/api/broker/quotes?symbols=TCS,INFY")
    assert both["X-Cache"] == "miss"
    assert both.json()["as_of"] == kept["as_of"]  # as old as the oldest part


def test_contracts_come_in_pages_that_lead_to_each_other(simulator: Simulator, trader: APIClient) -> None:
    seen: list[str] = []
    address: str | None = "/api/broker/contracts/NSEEQ?page_size=20&search=%20ltd"
    while address:
        body = trader.get(address).json()
        seen += [contract["trading_symbol"] for contract in body["results"]]
        address = body["next"]
    assert len(seen) == len(set(seen)) == body["count"] > 20
    assert trader.get(body["previous"]).json()["next"]


def test_a_page_behind_the_last_is_empty(simulator: Simulator, trader: APIClient) -> None:
    body = trader.get("/api/broker/contracts/NSEEQ?page=1000").json()
    assert (body["results"], body["next"]) == ([], None)


@pytest.mark.parametrize("text", ["RELI", "reli", " reliance ind", "RELIANCE-EQ"])
def test_contracts_are_searched_by_symbol_and_name_in_any_case(
    simulator: Simulator, trader: APIClient, text: str
) -> None:
    results = trader.get("/api/broker/contracts/NSEEQ", {"search": text}).json()["results"]
    assert "RELIANCE" in [contract["symbol"] for contract in results]
    assert "INFY" not in [contract["symbol"] for contract in results]


@pytest.mark.parametrize("text", ["*", ".*", "%", "no such thing"])
def test_a_search_is_no_pattern(simulator: Simulator, trader: APIClient, text: str) -> None:
    assert trader.get("/api/broker/contracts/NSEEQ", {"search": text}).json()["count"] == 0


def test_all_pages_and_searches_of_a_file_are_one_call(
    simulator: Simulator, kept: Callable[[], dict[str, int]], trader: APIClient
) -> None:
    for query in ("", "?page=2", "?search=INFY", "?page_size=5"):
        assert trader.get(f"/api/broker/contracts/NSEEQ{query}").status_code == 200
    assert [call.route for call in simulator.calls] == ["contractfiles"]
    assert set(kept()) == {"api:contracts:NSEEQ"}


def test_candles_come_in_pages_to_who_asks_for_pages(simulator: Simulator, trader: APIClient) -> None:
    whole = trader.get(ROUTES["candles"]).json()["data"]
    first = trader.get(f"{ROUTES['candles']}&page=1&page_size=4").json()
    assert (first["count"], first["previous"], first["data"]) == (len(whole), None, whole[:4])
    assert set(first) == {"as_of", "stale", "count", "next", "previous", "data"}
    second = trader.get(first["next"]).json()
    assert second["data"] == whole[4:8]
    assert "page=1&" in second["previous"] or second["previous"].endswith("page=1")


@pytest.mark.usefixtures("redis")
def test_the_depth_has_the_best_price_first(simulator: Simulator, trader: APIClient) -> None:
    response = trader.get("/api/broker/depth?symbol=infy")
    assert (response.status_code, response["X-Cache"]) == (200, "miss")
    found = response.json()["data"]
    assert (found["symbol"], found["exchange"], found["instrument_id"]) == ("INFY", "NSEEQ", "1594")
    bids, asks = ([Decimal(level["price"]) for level in found[side]] for side in ("bids", "asks"))
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert bids[0] < asks[0]
    assert trader.get("/api/broker/depth?symbol=INFY")["X-Cache"] == "hit"


def test_open_interest_lies_within_the_days(simulator: Simulator, trader: APIClient) -> None:
    found = trader.get("/api/broker/openinterest?symbol=INFY&exchange=NSEEQ").json()["data"]
    assert found["day_low"] <= found["open_interest"] <= found["day_high"]


ORDER = {"symbol": "INFY", "side": "BUY", "quantity": 5, "product": "DELIVERY", "order_type": "MARKET"}


def test_the_margin_of_an_order_is_not_cached(simulator: Simulator, trader: APIClient) -> None:
    for _ in range(2):
        response = trader.post("/api/broker/margin", ORDER)
        assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    found = response.json()
    assert found["allowed"] is True
    assert Decimal(found["used_after"]) - Decimal(found["used_before"]) == Decimal(found["required"]) > 0
    assert [call.route for call in simulator.calls].count("preordermargin") == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"quantity": 0}, "quantity"),
        ({"quantity": 50_000_001}, "quantity"),
        ({"side": "B"}, "side"),
        ({"order_type": "SLM"}, "order_type"),
        ({"order_type": "LIMIT"}, "price"),
        ({"price": "10"}, "price"),
        ({"order_type": "SL", "price": "10"}, "trigger_price"),
        ({"order_type": "LIMIT", "price": "-1"}, "price"),
        ({"complexity": "CO"}, "stop_loss_leg_price"),
        ({"complexity": "BO", "stop_loss_leg_price": "10"}, "target_leg_price"),
        ({"exchange": "NSEFO"}, "product"),
        ({"symbol": "*"}, "symbol"),
    ],
)
def test_a_wanted_order_that_cannot_be_is_refused_by_field(
    simulator: Simulator, trader: APIClient, change: dict[str, object], field: str
) -> None:
    response = trader.post("/api/broker/margin", ORDER | change)
    assert response.status_code == 400
    assert field in response.json()["error"]["detail"]
    assert simulator.calls == ()


def test_there_is_no_span_margin_of_shares(simulator: Simulator, trader: APIClient) -> None:
    leg = {"symbol": "INFY", "exchange": "NSEEQ", "side": "BUY", "quantity": 25}
    for legs in ([leg], [], [leg] * 51, None):
        response = trader.post("/api/broker/span", {"legs": legs})
        assert response.status_code == 400
        assert "legs" in response.json()["error"]["detail"]


@pytest.mark.parametrize("path", ["margin", "span"])
def test_only_who_may_see_the_account_may_ask_what_orders_need(
    anonymous: APIClient, stranger: APIClient, path: str
) -> None:
    assert anonymous.post(f"/api/broker/{path}", ORDER).status_code == 401
    assert stranger.post(f"/api/broker/{path}", ORDER).status_code == 403
