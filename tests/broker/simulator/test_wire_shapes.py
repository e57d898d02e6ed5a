"""The simulator's answers have the keys and JSON types of the broker's."""

import json

import pytest

from tests.broker.simulator.caller import HISTORY, ORDER, QUOTES, Caller
from tests.broker.wire import kind, sample

# The documents print these bare, and the first two as one object; the live service wraps a list in `result`.
BARE = [
    ("/holdings", "portfolio_holdings"),
    ("/positions", "portfolio_positions"),
    ("/orders", "orders_order_book"),
    ("/trades", "orders_trade_book"),
]
WRAPPED = [
    ("GET", "/profile", b"", "user_profile"),
    ("GET", "/limits", b"", "user_limits"),
    ("GET", "/limits/equity", b"", "user_limits"),
    ("GET", "/limits/fno", b"", "user_limits"),
    ("POST", "/marketdata/marketquotes", QUOTES, "market_data_apis_market_quotes"),
    ("POST", "/marketdata/historicaldata", HISTORY, "market_data_apis_historical_candlestick_chart_data"),
    ("POST", "/marketdata/marketdepth", QUOTES[0], "market_data_apis_market_depth"),
    ("POST", "/profile/logout", b"", "user_logout"),
]
PLAIN = [
    ("/marketdata/openinterest", QUOTES[0], "market_data_apis_open_interest"),
    ("/preordermargin", ORDER, "margin_pre_order_margin"),
]


@pytest.mark.parametrize(("path", "name"), BARE)
def test_every_row_of_a_book_has_the_keys_and_types_of_the_broker(caller: Caller, path: str, name: str) -> None:
    printed = sample(f"{name}_response")
    row = printed[0] if isinstance(printed, list) else printed
    rows = caller.get(path)
    assert rows
    assert all(kind(each) == kind(row) for each in rows)


@pytest.mark.parametrize(("method", "path", "body", "name"), WRAPPED)
def test_an_answer_has_the_keys_and_types_of_the_broker(
    caller: Caller, method: str, path: str, body: object, name: str
) -> None:
    assert kind(caller.content(method, path, body)) == kind(sample(f"{name}_response"))


def test_a_login_has_the_keys_of_the_broker(caller: Caller) -> None:
    assert kind(caller.log_in()) == kind(sample("user_get_user_session_response"))


def test_an_error_inside_ok_looks_like_the_brokers(caller: Caller) -> None:
    answer = caller.send("POST", "/marketdata/historicaldata", HISTORY | {"fromDate": "2025-11-03"})
    assert answer.status == 200
    assert kind(json.loads(answer.body)) == kind(sample("historicaldata_EC804_inside_Ok"))
    assert json.loads(answer.body)["result"][0]["status"] == "EC804"


def test_instrument_ids_are_numbers_in_quotes_and_strings_in_books(caller: Caller) -> None:
    assert caller.quotes("2885")[0]["instrumentId"] == 2885
    assert caller.get("/holdings")[0]["nseInstrumentId"] == "2885"


def test_a_stamp_names_the_month_from_a_table_of_its_own(caller: Caller) -> None:
    assert caller.quotes("2885")[0]["tickTimestamp"] == "20-Nov-2025 11:00:30"


@pytest.mark.parametrize(("path", "body", "name"), PLAIN)
def test_some_answers_have_no_envelope(caller: Caller, path: str, body: object, name: str) -> None:
    caller.log_in()
    assert kind(caller.content("POST", path, body)) == kind(sample(f"{name}_response"))


def test_a_combination_of_shares_has_no_span_margin(caller: Caller) -> None:
    caller.log_in()
    assert caller.content("POST", "/spanexposure", [ORDER])["result"]["status"] == "EC986"


def test_an_order_that_is_too_large_says_what_is_missing(caller: Caller) -> None:
    caller.log_in()
    found = caller.content("POST", "/preordermargin", ORDER | {"quantity": "40000000", "product": "DELIVERY"})
    assert found["rmsvalidationMessage"] == "NOT_OK"
    assert float(found["fundShort"]) > 0
