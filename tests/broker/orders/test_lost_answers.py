"""The broker's answer is lost: the order is looked for in its book, sent once, and never left unaccounted for."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from rest_framework.test import APIClient

from broker.iifl import endpoints
from broker.models import OrderRequest
from broker.orders.outcome import FINAL_AFTER
from broker.orders.request_log import MAX_CALL_TIME
from broker.simulator import Simulator
from broker.simulator.account.ledger import Order
from tests.broker.orders.conftest import Time
from tests.broker.orders.ordering import ORDERS, calls, limit, new_key, ours, place, post
from tests.broker.routes import assert_error

State = OrderRequest.State
# What the broker did before its answer was lost; `timeout` answers later than we wait.
DONE = ("drop", "hang", "timeout", "truncated", "not-json", "502:after", "504:after")
NOT_DONE = ("drop:before", "hang:before", "500", "503", "504", "EC003", "EC042:list")
A_MINUTE = FINAL_AFTER.total_seconds() + 1


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulator hangs for longer than a call that changes orders waits."""
    for name in ("PLACE_ORDER", "CHANGE_ORDER", "CANCEL_ORDER"):
        monkeypatch.setattr(endpoints, name, replace(getattr(endpoints, name), timeout=0.1))


def state() -> str:
    return OrderRequest.objects.latest("pk").state


def lose(exchange: Simulator, dealer: APIClient, key: str) -> Order:
    """Place an order of which neither the answer nor the book comes back."""
    exchange.fail("placeorder", "drop", times=1)
    exchange.fail("orders", "503", times=2)
    assert_error(place(dealer, key), 504, "order_outcome_unknown")
    (order,) = ours(exchange)
    return order


@pytest.mark.parametrize("fault", DONE)
def test_an_order_whose_answer_was_lost_is_found_in_the_book(
    exchange: Simulator, dealer: APIClient, fault: str
) -> None:
    exchange.fail("placeorder", fault, times=1)
    response = place(dealer, key := new_key())
    assert response.status_code == 201
    (order,) = ours(exchange)
    assert response.json()["order_id"] == order.number
    assert state() == State.ACCEPTED
    assert place(dealer, key).json() == response.json()
    assert len(ours(exchange)) == 1


@pytest.mark.parametrize("fault", NOT_DONE)
def test_a_request_that_never_had_an_effect_is_unknown_for_a_minute_and_then_said_to_have_had_none(
    exchange: Simulator, dealer: APIClient, time: Time, fault: str
) -> None:
    exchange.fail("placeorder", fault, times=1)
    key = new_key()
    for _ in range(2):
        error = assert_error(place(dealer, key), 504, "order_outcome_unknown")
        assert error["detail"]["tag"].startswith("TS")
    assert state() == State.UNKNOWN
    time.passes(A_MINUTE)
    for _ in range(2):
        assert_error(place(dealer, key), 409, "order_not_in_book")
    assert ours(exchange) == []
    assert calls(exchange, "placeorder") == 1
    assert place(dealer, new_key()).status_code == 201


def test_an_order_is_found_later_when_the_book_could_not_be_read_at_first(
    exchange: Simulator, dealer: APIClient
) -> None:
    exchange.fail("placeorder", "drop", times=1)
    exchange.fail("orders", "503", times=2)
    assert_error(place(dealer, key := new_key()), 504, "order_outcome_unknown")
    assert state() == State.UNKNOWN
    (row,) = [row for row in dealer.get(ORDERS).json()["data"] if row["tag"].startswith("TS")]
    assert state() == State.ACCEPTED
    response = place(dealer, key)
    assert (response.status_code, response.json()["order_id"]) == (201, row["order_id"])
    assert response["Idempotent-Replayed"] == "true"
    assert len(ours(exchange)) == 1


def test_an_order_that_comes_late_is_found_all_the_same(exchange: Simulator, dealer: APIClient, time: Time) -> None:
    exchange.fail("placeorder", "drop", times=1)
    exchange.fail("orders", "503", times=2)
    assert_error(place(dealer, key := new_key()), 504, "order_outcome_unknown")
    (late,) = ours(exchange)
    exchange.account.books().orders.remove(late)
    time.passes(A_MINUTE)
    assert_error(place(dealer, key), 409, "order_not_in_book")
    exchange.account.books().orders.append(late)
    assert place(dealer, key).status_code == 201
    assert state() == State.ACCEPTED


@pytest.mark.parametrize(
    "alter",
    [str.lower, lambda tag: f"{tag}-1764835124"],
    ids=["lower case", "appended"],
)
def test_an_order_is_found_although_the_broker_altered_the_end_or_the_case_of_its_tag(
    exchange: Simulator, dealer: APIClient, alter: Callable[[str], str]
) -> None:
    order = lose(exchange, dealer, key := new_key())
    order.tag = alter(order.tag)
    response = place(dealer, key)
    assert (response.status_code, response.json()["order_id"]) == (201, order.number)
    assert len(ours(exchange)) == 1


@pytest.mark.parametrize("alter", [lambda tag: tag[:10], lambda _: "", lambda _: "other"], ids=["cut", "none", "other"])
def test_an_order_that_looks_like_the_one_that_was_sent_is_named_and_no_second_one_is_advised(
    exchange: Simulator, dealer: APIClient, time: Time, alter: Callable[[str], str]
) -> None:
    order = lose(exchange, dealer, key := new_key())
    order.tag = alter(order.tag)
    for seconds in (0, A_MINUTE, 3_600):
        time.passes(seconds)
        error = assert_error(place(dealer, key), 504, "order_outcome_unknown")
        assert order.number in error["message"]
        assert error["detail"]["looks_like"] == [order.number]
        assert "new Idempotency-Key" not in error["message"]
    assert OrderRequest.objects.get().looks_like == [order.number]
    assert len(ours(exchange)) == 1


def test_an_order_of_another_request_does_not_keep_the_outcome_unknown(
    exchange: Simulator, dealer: APIClient, time: Time
) -> None:
    exchange.fail("placeorder", "drop:before", times=1)
    assert_error(place(dealer, key := new_key()), 504, "order_outcome_unknown")
    place(dealer)
    (other,) = ours(exchange)
    other.tag = ""  # known by its number, from the broker's answer
    time.passes(A_MINUTE)
    assert_error(place(dealer, key), 409, "order_not_in_book")


@pytest.mark.parametrize("word", ["cancelled after market order", "CANCELLED AMO", "Canceled"])
def test_a_cancelled_order_is_known_by_every_word_for_it(
    exchange: Simulator, dealer: APIClient, time: Time, word: str
) -> None:
    order_id = post(dealer, limit("100.00"), new_key()).json()["order_id"]
    headers = {"Idempotency-Key": new_key()}
    dealer.get(ORDERS)
    exchange.fail("cancelorder", "drop", times=1)
    exchange.fail("orders", "503", times=2)
    assert_error(dealer.delete(f"{ORDERS}/{order_id}", headers=headers), 504, "order_outcome_unknown")
    ours(exchange)[0].status = word
    time.passes(A_MINUTE)
    assert dealer.delete(f"{ORDERS}/{order_id}", headers=headers).status_code == 200


def test_a_word_that_nobody_knows_leaves_a_cancellation_unknown(
    exchange: Simulator, dealer: APIClient, time: Time
) -> None:
    order_id = post(dealer, limit("100.00"), new_key()).json()["order_id"]
    headers = {"Idempotency-Key": new_key()}
    exchange.fail("cancelorder", "drop:before", times=1)
    ours(exchange)[0].status = "frozen"
    assert_error(dealer.delete(f"{ORDERS}/{order_id}", headers=headers), 504, "order_outcome_unknown")
    time.passes(A_MINUTE)
    error = assert_error(dealer.delete(f"{ORDERS}/{order_id}", headers=headers), 504, "order_outcome_unknown")
    assert "frozen" in error["message"]


def test_a_market_order_is_known_by_another_spelling(exchange: Simulator, dealer: APIClient, time: Time) -> None:
    order_id = post(dealer, limit("100.00"), new_key()).json()["order_id"]
    change = {"order_type": "MARKET", "market_protection_percent": "0.5"}
    headers = {"Idempotency-Key": new_key()}
    dealer.get(ORDERS)
    exchange.fail("modifyorder", "drop", times=1)
    exchange.fail("orders", "503", times=2)
    assert_error(dealer.put(f"{ORDERS}/{order_id}", change, headers=headers), 504, "order_outcome_unknown")
    ours(exchange)[0].kind = "Market"
    time.passes(A_MINUTE)
    assert dealer.put(f"{ORDERS}/{order_id}", change, headers=headers).status_code == 200


def test_nothing_is_cached_of_the_time_in_which_the_outcome_was_not_known(
    exchange: Simulator, dealer: APIClient
) -> None:
    exchange.fail("placeorder", "drop", times=1)
    exchange.fail("orders", "503", times=2)
    place(dealer)
    before = dealer.get("/api/broker/trades").json()["data"]
    assert any(trade["tag"].startswith("TS") for trade in before)
    dealer.get(ORDERS)  # finds it
    assert dealer.get("/api/broker/trades")["X-Cache"] == "miss"


@pytest.mark.parametrize("fault", DONE)
def test_a_change_whose_answer_was_lost_shows_in_the_book(exchange: Simulator, dealer: APIClient, fault: str) -> None:
    order_id = post(dealer, limit("100.00"), new_key()).json()["order_id"]
    exchange.fail("modifyorder", fault, times=1)
    assert dealer.put(f"{ORDERS}/{order_id}", {"price": "101.00", "quantity": 6}).status_code == 200
    exchange.fail("cancelorder", fault, times=1)
    assert dealer.delete(f"{ORDERS}/{order_id}").status_code == 200
    assert set(OrderRequest.objects.values_list("state", flat=True)) == {State.ACCEPTED}
    assert (calls(exchange, "modifyorder"), calls(exchange, "cancelorder")) == (1, 1)


@pytest.mark.parametrize("method", ["put", "delete"])
def test_a_change_that_had_no_effect_is_said_to_have_had_none(
    exchange: Simulator, dealer: APIClient, time: Time, method: str
) -> None:
    order_id = post(dealer, limit("100.00"), new_key()).json()["order_id"]
    exchange.fail("modifyorder" if method == "put" else "cancelorder", "drop:before", times=1)
    ask = partial(getattr(dealer, method), f"{ORDERS}/{order_id}", headers={"Idempotency-Key": "again"})
    body = {"price": "101.00"} if method == "put" else None
    assert_error(ask(data=body), 504, "order_outcome_unknown")
    time.passes(A_MINUTE)
    assert_error(ask(data=body), 409, "order_not_in_book")
    assert calls(exchange, "modifyorder", "cancelorder") == 1


def test_a_request_whose_process_may_still_wait_is_left_to_it(
    exchange: Simulator, dealer: APIClient, time: Time
) -> None:
    place(dealer, key := new_key())
    OrderRequest.objects.update(state=State.SENT, order_id="")  # as it was before the answer came
    error = assert_error(place(dealer, key), 409, "order_under_way")
    assert "Repeat it" in error["message"]
    dealer.get(ORDERS)
    assert state() == State.SENT
    time.passes(MAX_CALL_TIME.total_seconds() + 1)
    assert place(dealer, key).status_code == 201
    assert len(ours(exchange)) == 1


def test_yesterdays_requests_are_not_looked_for_in_todays_book(
    exchange: Simulator, dealer: APIClient, time: Time
) -> None:
    exchange.fail("placeorder", "drop:before", times=1)
    place(dealer)
    time.passes(86_400)
    dealer.get(ORDERS)
    assert state() == State.UNKNOWN
