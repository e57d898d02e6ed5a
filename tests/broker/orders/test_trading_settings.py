"""The trading settings hold for orders over HTTP, on the account as the broker has it."""

from typing import Any

from rest_framework.test import APIClient

from broker.simulator import Simulator
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
