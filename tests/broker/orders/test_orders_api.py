"""Orders over HTTP: placed once, changed, cancelled; who may, what is refused, and what the cache shows afterwards."""

from concurrent.futures import ThreadPoolExecutor
from threading import Semaphore
from typing import Any

import pytest
import requests
from django.db import connections
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from broker.iifl.client import default_client
from broker.iifl.transport import READ_POOL_SIZE
from broker.models import OrderRequest
from broker.simulator import Simulator
from tests.broker.orders.ordering import BUY, ORDERS, calls, limit, new_key, ours, place, post
from tests.broker.routes import assert_error
from tests.support.people import client_of

State = OrderRequest.State
SEND = requests.Session.request
FAR_BELOW = "100.00"
MOVED = (
    "/api/broker/orders",
    "/api/broker/trades",
    "/api/broker/positions",
    "/api/broker/margins",
    "/api/portfolio/summary",
    "/api/portfolio/risk",
)


def waiting_order(dealer: APIClient, **more: object) -> str:
    response = post(dealer, limit(FAR_BELOW, **more), new_key())
    assert response.status_code == 201, response.content
    return str(response.json()["order_id"])


def row_of(dealer: APIClient, order_id: str) -> dict[str, Any]:
    (row,) = [row for row in dealer.get(ORDERS).json()["data"] if row["order_id"] == order_id]
    return dict(row)


# --- placing -----------------------------------------------------------------------------------------------


def test_a_placed_order_is_answered_with_its_number_and_is_in_the_book(exchange: Simulator, dealer: APIClient) -> None:
    response = place(dealer, tag="momentum7")
    answer = response.json()
    assert response.status_code == 201
    assert response["Location"] == f"{ORDERS}/{answer['order_id']}"
    assert response["Cache-Control"] == "no-store"
    (order,) = ours(exchange)
    assert answer["order_id"] == order.number
    assert answer["tag"] == order.tag
    assert order.tag.endswith("momentum7")
    row = row_of(dealer, order.number)
    assert (row["status"], row["filled_quantity"], row["tag"]) == ("complete", 5, order.tag)


def test_the_request_is_on_record_before_it_is_sent_and_completed_after(
    exchange: Simulator, dealer: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    during: list[str] = []

    def look(*args: Any, **kwargs: Any) -> Any:
        during.extend(OrderRequest.objects.values_list("state", flat=True))
        return SEND(*args, **kwargs)

    monkeypatch.setattr(requests.Session, "request", look)
    key = new_key()
    answer = place(dealer, key, tag="a1").json()
    assert during[-1] == State.SENT
    row = OrderRequest.objects.get()
    assert (row.key, row.action, row.state, row.symbol, row.user.username) == (
        key,
        "place",
        "accepted",
        "INFY",
        "dealer",
    )
    assert (row.pk, row.order_id) == (answer["request"], answer["order_id"])
    assert row.asked == {
        "side": "BUY",
        "quantity": 5,
        "product": "INTRADAY",
        "order_type": "MARKET",
        "complexity": "REGULAR",
        "validity": "DAY",
        "market_protection_percent": "0.50",
        "tag": "a1",
    }
    assert row.sent_at
    assert row.ended_at
    assert row.tried_at <= row.sent_at <= row.ended_at


@pytest.mark.parametrize("address", MOVED)
def test_what_an_order_moves_is_loaded_again(exchange: Simulator, dealer: APIClient, address: str) -> None:
    assert dealer.get(address)["X-Cache"] == "miss"
    assert dealer.get(address)["X-Cache"] == "hit"
    place(dealer)
    assert dealer.get(address)["X-Cache"] == "miss"


def test_what_an_order_does_not_move_stays(exchange: Simulator, dealer: APIClient) -> None:
    dealer.get("/api/broker/holdings")
    place(dealer)
    assert dealer.get("/api/broker/holdings")["X-Cache"] == "hit"


# --- once --------------------------------------------------------------------------------------------------


def test_a_repeated_request_is_answered_alike_and_orders_nothing(exchange: Simulator, dealer: APIClient) -> None:
    key = new_key()
    first, second = place(dealer, key), place(dealer, key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert "Idempotent-Replayed" not in first
    assert second["Idempotent-Replayed"] == "true"
    assert len(ours(exchange)) == 1


def test_another_request_under_the_same_key_is_refused(exchange: Simulator, dealer: APIClient) -> None:
    key = new_key()
    place(dealer, key)
    assert_error(place(dealer, key, quantity=6), 422, "idempotency_key_reused")
    assert len(ours(exchange)) == 1


def test_two_people_may_use_the_same_key(exchange: Simulator, dealer: APIClient, make_user: Any) -> None:
    other = client_of(make_user("other", "broker.trade"))
    assert [place(api, "same").status_code for api in (dealer, other)] == [201, 201]
    assert len(ours(exchange)) == 2


def test_a_key_means_nothing_on_another_account(exchange: Simulator, dealer: APIClient, settings: Settings) -> None:
    first = place(dealer, "same").json()
    OrderRequest.objects.update(client_id="FORMER")  # the site was pointed at another account since
    second = place(dealer, "same")
    assert "Idempotent-Replayed" not in second
    assert second.json()["order_id"] != first["order_id"]


@pytest.mark.parametrize("key", [None, "", "with blank", "x" * 65, "ümlaut"])
def test_placing_needs_a_key(exchange: Simulator, dealer: APIClient, key: str | None) -> None:
    headers = {} if key is None else {"Idempotency-Key": key}
    response = dealer.post(ORDERS, BUY, headers=headers)
    assert list(assert_error(response, 400, "invalid")["detail"]) == ["Idempotency-Key"]
    assert calls(exchange, "placeorder") == 0


def test_a_refusal_is_the_same_the_second_time_and_is_not_asked_for_again(
    exchange: Simulator, dealer: APIClient
) -> None:
    exchange.fail("placeorder", "EC705", times=1)
    key = new_key()
    first, second = place(dealer, key), place(dealer, key)
    for response in (first, second):
        assert_error(response, 502, "broker_account_blocked")
    assert calls(exchange, "placeorder") == 1
    assert OrderRequest.objects.get().state == State.REFUSED


def test_a_request_that_was_certainly_not_sent_may_be_tried_again_under_its_key(
    exchange: Simulator, dealer: APIClient
) -> None:
    exchange.fail("placeorder", "429", times=1)
    key = new_key()
    assert_error(place(dealer, key), 503, "broker_busy")
    assert OrderRequest.objects.get().state == State.NOT_SENT
    assert place(dealer, key).status_code == 201
    assert len(ours(exchange)) == 1
    assert OrderRequest.objects.get().tries == 2


def test_a_broker_that_is_not_there_leaves_a_request_not_sent(exchange: Simulator, dealer: APIClient) -> None:
    place(dealer)  # logged in
    exchange.stop()
    key = new_key()
    assert_error(place(dealer, key), 503, "broker_unreachable")
    assert OrderRequest.objects.get(key=key).state == State.NOT_SENT


# --- who may -----------------------------------------------------------------------------------------------


def test_trading_is_off_unless_switched_on(exchange: Simulator, dealer: APIClient, settings: Settings) -> None:
    settings.TRADING_ENABLED = False
    for response in (place(dealer), dealer.put(f"{ORDERS}/1", {"quantity": 1})):
        assert "TRADING_ENABLED" in assert_error(response, 403, "trading_disabled")["message"]
    assert exchange.calls == ()
    assert not OrderRequest.objects.exists()


def test_an_order_is_cancelled_although_trading_is_off(
    exchange: Simulator, dealer: APIClient, settings: Settings
) -> None:
    order_id = waiting_order(dealer)
    settings.TRADING_ENABLED = False
    assert dealer.delete(f"{ORDERS}/{order_id}").status_code == 200
    assert [order.is_working for order in ours(exchange)] == [False]


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_who_may_only_look_may_not_trade(
    exchange: Simulator, trader: APIClient, anonymous: APIClient, method: str
) -> None:
    address = ORDERS if method == "post" else f"{ORDERS}/1"
    assert getattr(anonymous, method)(address, BUY).status_code == 401
    error = assert_error(getattr(trader, method)(address, BUY), 403, "permission_denied")
    assert "broker.trade" in error["message"]
    assert exchange.calls == ()


# --- changing and cancelling -------------------------------------------------------------------------------


def test_a_waiting_order_is_changed(exchange: Simulator, dealer: APIClient) -> None:
    order_id = waiting_order(dealer)
    response = dealer.put(f"{ORDERS}/{order_id}", {"price": "101.05", "quantity": 7})
    assert (response.status_code, response.json()["order_id"]) == (200, order_id)
    row = row_of(dealer, order_id)
    assert (row["price"], row["quantity"], row["status"]) == ("101.05", 7, "open")


def test_a_waiting_order_is_cancelled(exchange: Simulator, dealer: APIClient) -> None:
    order_id = waiting_order(dealer)
    assert row_of(dealer, order_id)["status"] == "open"
    assert dealer.delete(f"{ORDERS}/{order_id}").status_code == 200
    assert row_of(dealer, order_id)["status"] == "cancelled"
    history = dealer.get(f"{ORDERS}/{order_id}").json()["data"]
    assert [(row["status"], row["cancelled_quantity"]) for row in history] == [("cancelled", 5)]


def test_the_record_of_changes_names_what_changed(exchange: Simulator, dealer: APIClient) -> None:
    order_id = waiting_order(dealer)
    dealer.put(f"{ORDERS}/{order_id}", {"price": "101.05"})
    dealer.delete(f"{ORDERS}/{order_id}")
    rows = OrderRequest.objects.order_by("pk").values_list("action", "asked", "state", "order_id")
    assert list(rows)[1:] == [
        ("change", {"price": "101.05"}, "accepted", order_id),
        ("cancel", {}, "accepted", order_id),
    ]


def test_what_is_over_cannot_be_cancelled_and_the_broker_says_so(exchange: Simulator, dealer: APIClient) -> None:
    order_id = place(dealer).json()["order_id"]
    assert assert_error(dealer.delete(f"{ORDERS}/{order_id}"), 409, "order_not_open")["detail"] == {"ec": "EC995"}


def test_a_refusal_is_repeated_as_it_was_under_its_key(exchange: Simulator, dealer: APIClient) -> None:
    address, key = f"{ORDERS}/{place(dealer).json()['order_id']}", new_key()
    first, second = (dealer.delete(address, headers={"Idempotency-Key": key}) for _ in range(2))
    assert assert_error(second, 409, "order_not_open") == assert_error(first, 409, "order_not_open")
    assert second.json()["error"]["detail"] == {"ec": "EC995"}
    assert OrderRequest.objects.filter(action="cancel").count() == 1


@pytest.mark.parametrize("method", ["get", "put", "delete"])
@pytest.mark.parametrize(("order_id", "status"), [("250101000000001", 404), ("a b", 400), ("x" * 41, 400)])
def test_an_order_that_is_not_in_the_book(
    exchange: Simulator, dealer: APIClient, method: str, order_id: str, status: int
) -> None:
    body = {"quantity": 1} if method == "put" else None
    response = getattr(dealer, method)(f"{ORDERS}/{order_id}", body)
    assert_error(response, status, "unknown_order" if status == 404 else "invalid")
    assert calls(exchange, "modifyorder") == 0
    # The broker is asked to cancel whatever number is well-formed.
    assert calls(exchange, "cancelorder") == (method == "delete" and status == 404)


def test_an_order_is_cancelled_without_the_order_book(exchange: Simulator, dealer: APIClient) -> None:
    order_id = waiting_order(dealer)
    exchange.fail("orders", "503")
    exchange.clear_calls()
    answer = dealer.delete(f"{ORDERS}/{order_id}").json()
    assert (answer["order_id"], answer["exchange"], answer["symbol"]) == (order_id, "NSEEQ", "INFY")
    assert [call.route for call in exchange.calls] == ["cancelorder"]


def test_an_order_is_cancelled_while_reads_hang_on_every_connection(exchange: Simulator, dealer: APIClient) -> None:
    order_id = waiting_order(dealer)
    exchange.fail("holdings", "slow:5000")
    sent = Semaphore(0)
    with ThreadPoolExecutor(READ_POOL_SIZE) as pool:
        reads = [pool.submit(read_holdings, sent) for _ in range(READ_POOL_SIZE)]
        for _ in reads:
            sent.acquire()
        assert dealer.delete(f"{ORDERS}/{order_id}").status_code == 200
        assert not any(read.done() for read in reads)


def read_holdings(sent: Semaphore) -> None:
    sent.release()
    try:
        default_client().holdings()
    finally:
        connections.close_all()


def test_an_order_that_the_site_knows_nothing_of_is_cancelled(exchange: Simulator, dealer: APIClient) -> None:
    order_id = waiting_order(dealer)
    OrderRequest.objects.all().delete()  # as if another program had placed it
    answer = dealer.delete(f"{ORDERS}/{order_id}").json()
    assert (answer["order_id"], answer["symbol"]) == (order_id, "")


def test_a_repeated_change_is_sent_once_under_its_key(exchange: Simulator, dealer: APIClient) -> None:
    order_id, key = waiting_order(dealer), new_key()
    for _ in range(2):
        response = dealer.put(f"{ORDERS}/{order_id}", {"price": "102.00"}, headers={"Idempotency-Key": key})
        assert response.status_code == 200
    assert calls(exchange, "modifyorder") == 1


# --- bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"symbol": "NOSUCH"}, "symbol"),
        ({"symbol": "NIFTY 50"}, "symbol"),
        ({"symbol": None}, "symbol"),
        ({"exchange": "NYSE"}, "exchange"),
        ({"side": "HOLD"}, "side"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": -1}, "quantity"),
        ({"quantity": "1.5"}, "quantity"),
        ({"quantity": 50_000_001}, "quantity"),
        ({"quantity": None}, "quantity"),
        ({"product": "CASH"}, "product"),
        ({"order_type": "SLM"}, "order_type"),
        ({"order_type": "LIMIT", "market_protection_percent": None}, "price"),
        ({"price": "100"}, "price"),
        ({"market_protection_percent": None}, "market_protection_percent"),
        ({"market_protection_percent": "0"}, "market_protection_percent"),
        ({"market_protection_percent": "NaN"}, "market_protection_percent"),
        ({"tag": "with blank"}, "tag"),
        ({"tag": "x" * 31}, "tag"),
        ({"disclosed_quantity": 6}, "disclosed_quantity"),
        ({"validity": "GTC"}, "validity"),
        ({"complexity": "AMO", "validity": "IOC"}, "validity"),
        ({"complexity": "BO", "product": "DELIVERY"}, "product"),
        ({"order_type": "LIMIT", "market_protection_percent": None, "price": "100.03"}, "price"),
        ({"order_type": "LIMIT", "market_protection_percent": None, "price": "Infinity"}, "price"),
    ],
    ids=str,
)
def test_a_wrong_order_is_refused_with_the_fields_name_and_nothing_is_sent(
    exchange: Simulator, dealer: APIClient, change: dict[str, Any], field: str
) -> None:
    response = place(dealer, **change)
    assert response.status_code == 400
    assert field in response.json()["error"]["detail"]
    assert calls(exchange, "placeorder") == 0
    assert not OrderRequest.objects.exists()


def in_other_digits(number: str) -> str:
    return "".join(chr(ord(digit) + 0x0966 - ord("0")) if digit.isdigit() else digit for digit in number)


ODD_NUMBERS = (
    "1_0",
    in_other_digits("10"),
    "\uff11\uff10",
    "1e1",
    "1E1",
    " 10",
    "10 ",
    "10\n",
    "+10",
    "0x10",
    "",
    True,
    [10],
)


@pytest.mark.parametrize("number", ODD_NUMBERS, ids=ascii)
def test_a_number_is_written_in_plain_digits(exchange: Simulator, dealer: APIClient, number: Any) -> None:
    order_id = waiting_order(dealer)
    exchange.clear_calls()
    for field in ("quantity", "disclosed_quantity", "price"):
        order = limit(FAR_BELOW) | {field: number}
        assert list(assert_error(post(dealer, order, new_key()), 400, "invalid")["detail"]) == [field]
        change = dealer.put(f"{ORDERS}/{order_id}", {field: number})
        assert list(assert_error(change, 400, "invalid")["detail"]) == [field]
    assert calls(exchange, "placeorder", "modifyorder") == 0


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ('"quantity": 1e1, "price": "100.00"', "quantity"),
        ('"quantity": 10.0, "price": "100.00"', "quantity"),
        ('"quantity": 10, "price": 1e2', "price"),
        ('"quantity": 1, "quantity": 7, "price": "100.00"', "quantity"),
        ('"quantity": 7, "quantity": 7, "price": "100.00"', "quantity"),
    ],
)
def test_json_that_can_be_read_in_two_ways_is_refused(
    exchange: Simulator, dealer: APIClient, fields: str, field: str
) -> None:
    body = f'{{"symbol": "INFY", "side": "BUY", "product": "INTRADAY", "order_type": "LIMIT", {fields}}}'
    response = dealer.generic("POST", ORDERS, body, "application/json", headers={"Idempotency-Key": new_key()})
    assert list(assert_error(response, 400, "invalid")["detail"]) == [field]
    assert calls(exchange, "placeorder") == 0


@pytest.mark.parametrize(
    ("fields", "meant"),
    [({"complexty": "AMO"}, "complexity"), ({"validty": "IOC"}, "validity"), ({"Price": "90.00"}, "price")],
    ids=str,
)
def test_a_field_that_an_order_does_not_have_is_refused_and_the_meant_one_is_named(
    exchange: Simulator, dealer: APIClient, fields: dict[str, str], meant: str
) -> None:
    order_id = waiting_order(dealer)
    exchange.clear_calls()
    (name,) = fields
    placed = post(dealer, limit(FAR_BELOW) | fields, new_key())
    changed = dealer.put(f"{ORDERS}/{order_id}", {"quantity": 6, **fields})
    for response in (placed, changed):
        detail = assert_error(response, 400, "invalid")["detail"]
        assert list(detail) == [name]
    assert meant in assert_error(placed, 400, "invalid")["detail"][name][0]
    assert calls(exchange, "placeorder", "modifyorder") == 0


def test_a_price_in_json_is_taken_digit_for_digit(exchange: Simulator, dealer: APIClient) -> None:
    body = '{"symbol": "INFY", "side": "BUY", "product": "INTRADAY", "order_type": "LIMIT", "quantity": 1, "price": %s}'
    headers = {"Idempotency-Key": new_key()}
    assert dealer.generic("POST", ORDERS, body % "1480.10", "application/json", headers=headers).status_code == 201
    assert OrderRequest.objects.get().asked["price"] == "1480.10"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, "non_field_errors"),
        ({"quantity": 0}, "quantity"),
        ({"price": "100.03"}, "price"),
        ({"trigger_price": "99.00"}, "trigger_price"),
        ({"order_type": "MARKET"}, "market_protection_percent"),
        ({"market_protection_percent": "1"}, "market_protection_percent"),
        ({"disclosed_quantity": 6}, "disclosed_quantity"),
        ({"order_type": "SL", "trigger_price": "100.00"}, "trigger_price"),
    ],
    ids=str,
)
def test_a_wrong_change_is_refused_with_the_fields_name_and_nothing_is_sent(
    exchange: Simulator, dealer: APIClient, change: dict[str, Any], field: str
) -> None:
    response = dealer.put(f"{ORDERS}/{waiting_order(dealer)}", change)
    assert response.status_code == 400
    assert field in response.json()["error"]["detail"]
    assert calls(exchange, "modifyorder") == 0


def test_a_waiting_order_may_become_a_market_order(exchange: Simulator, dealer: APIClient) -> None:
    order_id = waiting_order(dealer)
    change = {"order_type": "MARKET", "market_protection_percent": "0.5"}
    assert dealer.put(f"{ORDERS}/{order_id}", change).status_code == 200
    assert row_of(dealer, order_id)["status"] == "complete"
