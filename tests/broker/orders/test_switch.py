"""The trading switch: who may turn it, what it forbids, and what a halt does to open orders."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client
from msgspec.structs import replace
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from broker import clock
from broker.models import OrderRequest, TradingSwitch
from broker.orders import book, halt, request_log, services, switch
from broker.simulator import Simulator
from tests.broker.orders.conftest import Time
from tests.broker.orders.ordering import ORDERS, calls, limit, new_key, ours, place, post
from tests.broker.routes import assert_error
from tests.support.people import client_of

SWITCH = "/api/system/trading"
State = OrderRequest.State


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halt, "BETWEEN_BOOKS", 0.01)
    monkeypatch.setattr(halt, "MAX_TIME", 5.0)


@pytest.fixture
def quiet(exchange: Simulator) -> Simulator:
    """A book whose orders are all over."""
    books = exchange.account.books()
    books.orders[:] = [order for order in books.orders if not order.is_working]
    return exchange


def turn(api: APIClient, state: str, **more: str) -> Any:
    return api.put(SWITCH, {"state": state, **more})


def waiting(dealer: APIClient, count: int = 1) -> list[str]:
    return [str(post(dealer, limit("100.00"), new_key()).json()["order_id"]) for _ in range(count)]


def test_trading_is_open_until_somebody_turns_the_switch(exchange: Simulator, dealer: APIClient) -> None:
    response = dealer.get(SWITCH)
    assert response.json() == {"state": "open", "since": None, "by": "", "reason": "", "enabled": True}
    assert response["Cache-Control"] == "no-store"


def test_the_switch_says_who_turned_it_when_and_why(exchange: Simulator, dealer: APIClient, time: Time) -> None:
    answer = turn(dealer, "cancel_only", reason="results today").json()
    since = time.now.isoformat()
    assert answer == {
        "state": "cancel_only",
        "since": since,
        "by": "dealer",
        "reason": "results today",
        "enabled": True,
    }
    assert dealer.get(SWITCH).json() == answer


@pytest.mark.parametrize("state", ["cancel_only", "halted"])
def test_nothing_is_placed_or_changed_while_the_switch_is_not_open_and_cancels_go(
    quiet: Simulator, dealer: APIClient, state: str
) -> None:
    (order_id,) = waiting(dealer)
    if state == "halted":  # as if the halt had not reached this order
        TradingSwitch.objects.create(state=state, user=User.objects.get(), since=clock.now())
    else:
        turn(dealer, state, reason="why not")
    quiet.clear_calls()
    for response in (place(dealer), dealer.put(f"{ORDERS}/{order_id}", {"quantity": 6})):
        error = assert_error(response, 403, "trading_disabled")
        assert state in error["message"]
        assert error["detail"] == {"state": state}
    assert quiet.calls == ()
    assert dealer.delete(f"{ORDERS}/{order_id}").status_code == 200
    assert turn(dealer, "open").json()["state"] == "open"
    assert place(dealer).status_code == 201


def test_a_repeated_request_is_answered_while_trading_is_not_open(exchange: Simulator, dealer: APIClient) -> None:
    key = new_key()
    first = place(dealer, key).json()
    turn(dealer, "cancel_only")
    assert place(dealer, key).json() == first


def test_without_trading_enabled_the_state_is_cancel_only_at_most(
    quiet: Simulator, dealer: APIClient, settings: Settings
) -> None:
    settings.TRADING_ENABLED = False
    answer = turn(dealer, "open").json()
    assert (answer["state"], answer["enabled"]) == ("cancel_only", False)
    assert "TRADING_ENABLED" in answer["reason"]
    assert_error(place(dealer), 403, "trading_disabled")
    assert turn(dealer, "halted").json()["state"] == "halted"
    settings.TRADING_ENABLED = True
    assert dealer.get(SWITCH).json()["state"] == "halted"


def test_a_halt_cancels_every_open_order_and_lists_the_outcomes(quiet: Simulator, dealer: APIClient) -> None:
    numbers = waiting(dealer, 3)
    answer = turn(dealer, "halted", reason="drill").json()
    assert (answer["state"], answer["reason"]) == ("halted", "drill")
    assert answer["halt"]["complete"] is True
    rows = {row["order_id"]: row for row in answer["halt"]["orders"]}
    assert sorted(rows) == sorted(numbers)
    assert {(row["outcome"], row["status"], row["symbol"]) for row in rows.values()} == {
        ("accepted", "cancelled", "INFY")
    }
    assert not any(order.is_working for order in quiet.account.books().orders)
    records = OrderRequest.objects.filter(action="cancel")
    assert {record.pk for record in records} == {row["request"] for row in rows.values()}
    assert set(records.values_list("state", "user__username")) == {(State.ACCEPTED, "dealer")}


def test_a_halt_cancels_orders_that_were_placed_elsewhere_too(exchange: Simulator, dealer: APIClient) -> None:
    open_before = {order.number for order in exchange.account.books().orders if order.is_working}
    assert open_before
    answer = turn(dealer, "halted").json()["halt"]
    assert {row["order_id"] for row in answer["orders"]} == open_before
    assert answer["complete"] is True


def test_a_cancellation_that_fails_is_tried_again_and_named_if_it_goes_on_failing(
    quiet: Simulator, dealer: APIClient
) -> None:
    (order_id,) = waiting(dealer)
    quiet.fail("cancelorder", "EC912", times=1)
    answer = turn(dealer, "halted").json()["halt"]
    assert (answer["complete"], answer["orders"][0]["outcome"]) == (True, "accepted")
    (order_id,) = _reopened(dealer)
    quiet.fail("cancelorder", "EC912")
    answer = turn(dealer, "halted").json()["halt"]
    assert answer["complete"] is False
    assert order_id in answer["message"]
    (row,) = answer["orders"]
    assert (row["outcome"], row["status"]) == ("refused", "open")
    assert "EC912" in row["message"]
    assert calls(quiet, "cancelorder") == 2 + halt.MAX_ATTEMPTS


def test_an_order_that_has_no_number_yet_is_waited_for(
    quiet: Simulator, dealer: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    (order_id,) = waiting(dealer)
    read, seen = book.read_order_book, []

    def without_a_number_at_first() -> Any:
        seen.append(1)
        orders = read()
        return [replace(order, order_id="") for order in orders] if len(seen) == 1 else orders

    monkeypatch.setattr(book, "read_order_book", without_a_number_at_first)
    answer = turn(dealer, "halted").json()["halt"]
    assert [row["order_id"] for row in answer["orders"]] == [order_id]
    assert answer["complete"] is True


def _reopened(dealer: APIClient) -> list[str]:
    turn(dealer, "open")
    return waiting(dealer)


def test_a_halt_without_the_order_book_cancels_the_sites_own_orders_and_says_so(
    quiet: Simulator, dealer: APIClient
) -> None:
    (order_id,) = waiting(dealer)
    quiet.fail("orders", "503")
    answer = turn(dealer, "halted").json()
    assert answer["state"] == "halted"
    assert [(row["order_id"], row["outcome"]) for row in answer["halt"]["orders"]] == [(order_id, "accepted")]
    assert answer["halt"]["complete"] is False
    assert "order book cannot be read" in answer["halt"]["message"]
    assert [order.is_working for order in ours(quiet)] == [False]


def test_an_order_that_is_halted_between_its_mark_and_its_call_is_not_sent(
    quiet: Simulator, dealer: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_open, asked = switch.require_open, []

    def halted_meanwhile() -> None:
        asked.append(1)
        if len(asked) == 2:  # the mark is committed
            TradingSwitch.objects.create(state="halted", user=User.objects.get(), since=clock.now())
        require_open()

    monkeypatch.setattr(switch, "require_open", halted_meanwhile)
    key = new_key()
    assert_error(place(dealer, key), 403, "trading_disabled")
    assert OrderRequest.objects.get().state == State.NOT_SENT
    assert calls(quiet, "placeorder") == 0
    monkeypatch.undo()
    turn(dealer, "open")
    assert place(dealer, key).status_code == 201  # it was not sent, so the same key may try again


def test_a_halt_waits_for_an_order_that_is_on_its_way_and_cancels_it(
    quiet: Simulator, dealer: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    (order_id,) = waiting(dealer)
    late = OrderRequest.objects.get()
    OrderRequest.objects.update(state=State.SENT, order_id="")  # its answer has not come
    (order,) = ours(quiet)
    books = quiet.account.books()
    books.orders.remove(order)
    under_way: Callable[[], list[OrderRequest]] = request_log.under_way
    seen: list[int] = []

    def arrives() -> list[OrderRequest]:
        seen.append(1)
        if len(seen) == 3:
            books.orders.append(order)
            OrderRequest.objects.filter(pk=late.pk).update(state=State.ACCEPTED, order_id=order_id)
        return under_way()

    monkeypatch.setattr(request_log, "under_way", arrives)
    answer = turn(dealer, "halted").json()["halt"]
    assert [row["order_id"] for row in answer["orders"]] == [order_id]
    assert answer["complete"] is True
    assert not order.is_working


def around_cancel(
    monkeypatch: pytest.MonkeyPatch, *, before: Callable[[], object], after: Callable[[], object]
) -> None:
    cancel = services.cancel

    def wrapped(*arguments: Any, **named: Any) -> Any:
        before()
        try:
            return cancel(*arguments, **named)
        finally:
            after()

    monkeypatch.setattr(services, "cancel", wrapped)


def test_a_halt_cancels_several_orders_at_a_time(
    quiet: Simulator, dealer: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting(dealer, 4)
    all_under_way = threading.Barrier(4, timeout=30)
    around_cancel(monkeypatch, before=all_under_way.wait, after=lambda: None)
    answer = turn(dealer, "halted").json()["halt"]
    assert (answer["complete"], len(answer["orders"])) == (True, 4)


def test_a_halt_goes_on_when_the_database_fails_for_one_order(
    quiet: Simulator, dealer: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting(dealer, 3)
    failures = iter([OperationalError("no connection is free")])

    def fail_once() -> None:
        for error in failures:
            raise error

    around_cancel(monkeypatch, before=fail_once, after=lambda: None)
    answer = turn(dealer, "halted").json()["halt"]
    assert [row["outcome"] for row in answer["orders"]] == ["accepted"] * 3
    assert answer["complete"] is True


def test_a_halt_names_the_orders_for_which_the_database_goes_on_failing(
    quiet: Simulator, dealer: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    (order_id,) = waiting(dealer)

    def fail() -> None:
        raise OperationalError("no connection is free")

    around_cancel(monkeypatch, before=fail, after=lambda: None)
    answer = turn(dealer, "halted").json()["halt"]
    assert [(row["order_id"], row["request"], row["outcome"]) for row in answer["orders"]] == [
        (order_id, None, "unknown")
    ]
    assert answer["complete"] is False
    assert order_id in answer["message"]


def test_a_halt_cancels_no_further_order_once_trading_is_opened(
    quiet: Simulator, dealer: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = set(waiting(dealer, 3))
    monkeypatch.setattr(halt, "PARALLEL", 1)
    around_cancel(monkeypatch, before=lambda: None, after=lambda: turn(dealer, "open"))
    answer = turn(dealer, "halted").json()["halt"]
    (cancelled,) = answer["orders"]
    assert answer["complete"] is False
    assert "opened trading" in answer["message"]
    assert all(number in answer["message"] for number in placed - {cancelled["order_id"]})
    assert cancelled["order_id"] not in answer["message"]


def test_a_halt_whose_time_is_over_begins_nothing_and_says_what_the_book_shows_then(
    quiet: Simulator, dealer: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting(dealer, 2)
    now = [0.0]
    clocked = SimpleNamespace(monotonic=lambda: now[0], sleep=lambda _: None)
    monkeypatch.setattr(halt, "time", clocked)
    monkeypatch.setattr(halt, "PARALLEL", 1)
    around_cancel(monkeypatch, before=lambda: None, after=lambda: now.append(now.pop() + halt.MAX_TIME))
    first = turn(dealer, "halted").json()["halt"]
    assert (first["complete"], [row["status"] for row in first["orders"]]) == (False, ["cancelled"])
    second = turn(dealer, "halted").json()["halt"]
    assert (second["complete"], [row["status"] for row in second["orders"]]) == (True, ["cancelled"])


def test_a_halt_leaves_orders_alone_that_were_placed_after_trading_was_opened_again(
    quiet: Simulator, dealer: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting(dealer)
    read = book.read_order_book

    def opened_meanwhile() -> Any:
        orders = read()
        switch.turn("open", user_id=User.objects.get().pk)
        return orders

    monkeypatch.setattr(book, "read_order_book", opened_meanwhile)
    answer = turn(dealer, "halted").json()
    assert answer["state"] == "open"
    assert answer["halt"]["orders"] == []
    assert answer["halt"]["complete"] is False
    assert "opened trading" in answer["halt"]["message"]


@pytest.mark.parametrize("method", ["get", "put"])
def test_the_switch_is_for_those_who_may_trade(
    exchange: Simulator, trader: APIClient, anonymous: APIClient, staff: APIClient, method: str
) -> None:
    assert getattr(anonymous, method)(SWITCH, {"state": "halted"}).status_code == 401
    for api in (trader, staff):
        error = assert_error(getattr(api, method)(SWITCH, {"state": "halted"}), 403, "permission_denied")
        assert "broker.trade" in error["message"]
    assert not TradingSwitch.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "state"),
        ({"state": "closed"}, "state"),
        ({"state": "open", "reason": "x" * 201}, "reason"),
        ({"state": "open", "reasn": "typo"}, "reasn"),
    ],
    ids=str,
)
def test_a_wrong_body_leaves_the_switch_alone(
    exchange: Simulator, dealer: APIClient, body: dict[str, str], field: str
) -> None:
    assert field in assert_error(dealer.put(SWITCH, body), 400, "invalid")["detail"]
    assert not TradingSwitch.objects.exists()


def test_every_turn_is_on_record_and_in_the_log(
    quiet: Simulator, dealer: APIClient, logs: pytest.LogCaptureFixture, make_user: Callable[..., User], client: Client
) -> None:
    turn(dealer, "halted", reason="drill")
    turn(client_of(make_user("boss", "broker.trade")), "open")
    assert list(TradingSwitch.objects.values_list("state", "user__username", "reason")) == [
        ("open", "boss", ""),
        ("halted", "dealer", "drill"),
    ]
    assert "trading is halted, by dealer: drill" in logs.text
    client.force_login(make_user("clerk", "broker.view_tradingswitch", is_staff=True))
    page = client.get("/admin/broker/tradingswitch/").content.decode()
    assert "drill" in page
    assert client.get("/admin/broker/tradingswitch/add/").status_code == 403


def test_the_record_names_the_token_or_a_mark_of_the_session(
    quiet: Simulator, dealer: APIClient, make_user: Callable[..., User], client: Client
) -> None:
    place(dealer)
    record = OrderRequest.objects.get()
    assert record.credential == f"token {record.user.api_tokens.get().pk} (test)"
    client.force_login(make_user("person", "broker.view_account", "broker.trade"))
    body = limit("100.00")
    for _ in range(2):
        headers = {"Idempotency-Key": new_key()}
        assert client.post(ORDERS, body, content_type="application/json", headers=headers).status_code == 201
    marks = {row.credential for row in OrderRequest.objects.filter(user__username="person")}
    (mark,) = marks
    assert mark.startswith("session ")
    key = client.session.session_key
    assert key
    assert key not in mark
    assert len(mark) == len("session ") + 12
    assert client.put(SWITCH, {"state": "cancel_only"}, content_type="application/json").status_code == 200
    assert TradingSwitch.objects.get().credential == mark
