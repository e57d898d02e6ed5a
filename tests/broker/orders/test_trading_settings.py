"""The trading settings hold for orders over HTTP, on the account as the broker has it."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from broker.errors import OrderOverLimit
from broker.orders import services
from broker.simulator import Simulator
from broker.values import OrderParams
from tests.broker.orders.ordering import ORDERS, calls, limit, new_key, ours, place, post
from tests.broker.routes import assert_error
from watchlist.models import TradingSetting


def setting(key: str, kind: str, value: str) -> None:
    TradingSetting.objects.create(key=key, kind=kind, value=value)


def refused(response: Any, cap: str) -> dict[str, Any]:
    error = assert_error(response, 422, "order_over_limit")
    assert error["detail"]["cap"] == cap
    return error


def test_the_settings_with_which_the_site_begins_let_an_order_through(exchange: Simulator, dealer: APIClient) -> None:
    setting("max_daily_loss", "fraction", "0.05")
    setting("max_positions", "integer", "10")
    assert place(dealer).status_code == 201


def test_a_position_too_many_is_refused_and_one_that_is_open_may_be_closed(
    exchange: Simulator, dealer: APIClient
) -> None:
    assert place(dealer).status_code == 201
    setting("max_positions", "integer", "1")
    refused(place(dealer, symbol="TCS"), "max_positions")
    assert place(dealer, side="SELL").status_code == 201
    assert len(ours(exchange)) == 2


@pytest.mark.parametrize(("fault", "status"), [("slow:1", 201), ("503:after", 504)], ids=["accepted", "unanswered"])
@pytest.mark.parametrize(("free", "sent"), [(1, 1), (2, 2)])
def test_of_two_orders_at_once_one_takes_the_last_position(
    exchange: Simulator, dealer: APIClient, free: int, sent: int, fault: str, status: int
) -> None:
    taken = {row.contract.symbol for row in exchange.account.books().orders if row.is_working or row.filled}
    setting("max_positions", "integer", str(len(taken - {"INFY"}) + free))  # what was bought and sold is closed

    def place_another() -> None:
        """After the first order was checked, and before it is recorded."""
        exchange.fail("placeorder", fault, times=1)
        exchange.fail("orders", "503")  # so that an answer that is lost stays so
        assert place(dealer, symbol="TCS").status_code == status

    params = OrderParams(
        side="BUY",
        quantity=5,
        product="INTRADAY",
        order_type="MARKET",
        market_protection_percent=Decimal("0.5"),
    )
    with suppress(OrderOverLimit):
        services.place(User.objects.get().pk, new_key(), "INFY", "NSEEQ", params, before_record=place_another)
    assert len(ours(exchange)) == sent


def test_an_order_is_refused_while_the_days_profit_is_not_known(exchange: Simulator, dealer: APIClient) -> None:
    order_id = post(dealer, limit("100.00"), new_key()).json()["order_id"]
    place(dealer)
    setting("max_daily_loss", "fraction", "0.05")
    exchange.fail("holdings", "503")
    for response in (place(dealer, symbol="TCS"), dealer.put(f"{ORDERS}/{order_id}", {"quantity": 6})):
        assert "cannot be read" in refused(response, "max_daily_loss")["message"]
    assert place(dealer, side="SELL").status_code == 201  # reduces
    assert dealer.delete(f"{ORDERS}/{order_id}").status_code == 200
    assert calls(exchange, "modifyorder") == 0
