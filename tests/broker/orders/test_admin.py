"""The record of order requests in the admin: readable, unchangeable, and compared with the broker's book on demand."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from broker.models import OrderRequest
from broker.simulator import Simulator
from tests.broker.orders.ordering import calls, limit, new_key, place, post

PAGE = "/admin/broker/orderrequest/"


@pytest.fixture
def clerk(make_user: Callable[..., User], client: Client) -> Client:
    client.force_login(make_user("clerk", "broker.view_orderrequest", is_staff=True))
    return client


@pytest.fixture
def boss(make_user: Callable[..., User], client: Client) -> Client:
    client.force_login(make_user("boss", "broker.view_orderrequest", "broker.trade", is_staff=True))
    return client


def look_up(client: Client) -> str:
    rows = OrderRequest.objects.values_list("pk", flat=True)
    return client.post(PAGE, {"action": "look_up", "_selected_action": list(rows)}, follow=True).content.decode()


def test_the_list_says_in_words_what_was_asked_for(exchange: Simulator, dealer: APIClient, clerk: Client) -> None:
    order_id = post(dealer, limit("100.5"), new_key()).json()["order_id"]
    dealer.put(f"/api/broker/orders/{order_id}", {"price": "101.00", "quantity": 7})
    page = clerk.get(PAGE).content.decode()
    assert "BUY 5 INTRADAY LIMIT, price 100.50" in page
    assert "quantity 7, price 101.00" in page
    assert order_id in page


def test_what_has_no_answer_is_looked_up_by_who_may_trade(exchange: Simulator, dealer: APIClient, boss: Client) -> None:
    exchange.fail("placeorder", "drop", times=1)
    exchange.fail("orders", "503", times=2)
    place(dealer)
    assert OrderRequest.objects.get().state == "unknown"
    assert "Compared with the broker" in look_up(boss)
    assert OrderRequest.objects.get().state == "accepted"


def test_a_broker_that_fails_is_told_of_on_the_page(exchange: Simulator, dealer: APIClient, boss: Client) -> None:
    place(dealer)
    exchange.fail("orders", "EC915")
    assert "EC915" in look_up(boss)


def test_who_may_only_look_cannot_ask_the_broker(exchange: Simulator, dealer: APIClient, clerk: Client) -> None:
    place(dealer)
    before = calls(exchange, "orders")
    assert "look_up" not in clerk.get(PAGE).content.decode()
    look_up(clerk)
    assert calls(exchange, "orders") == before
