"""Caps on orders: the value, the distance from the last price, orders a day; what is not known lets nothing through."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, cast

import msgspec
import pytest
from django.contrib.auth.models import User
from django.db import connections
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from broker import quotes
from broker.errors import BrokerUnreachable, OrderOverLimit
from broker.models import OrderRequest
from broker.orders import limits
from broker.simulator import Simulator
from broker.values import Contract, Exchange, OrderParams
from tests.broker.orders.conftest import Time
from tests.broker.orders.ordering import ORDERS, calls, limit, new_key, ours, place, post
from tests.broker.routes import assert_error
from tests.support.people import client_of
from tests.watchlist.conftest import contract, quote

SHARE = contract("INFY")
GAS: Contract = msgspec.structs.replace(contract("NATURALGAS", exchange="MCXCOMM"), lot_size=1250)
FUTURE: Contract = msgspec.structs.replace(contract("NIFTY", exchange="NSEFO"), lot_size=75)
LAST_PRICE = Decimal("100.00")


@pytest.fixture
def last_price(monkeypatch: pytest.MonkeyPatch) -> None:
    def quotes_of(contracts: list[Contract]) -> list[Any]:
        return [quote(item, LAST_PRICE) for item in contracts]

    monkeypatch.setattr(quotes, "quotes_of", quotes_of)


@pytest.fixture
def caps(settings: Settings) -> None:
    settings.ORDER_MAX_VALUE, settings.ORDER_PRICE_BAND, settings.ORDER_MAX_PER_DAY = 10_000, 20, 2


def order(**fields: Any) -> OrderParams:
    values: dict[str, Any] = {
        "side": "BUY",
        "quantity": 100,
        "product": "NORMAL",
        "order_type": "LIMIT",
        "price": LAST_PRICE,
    } | fields
    if values["order_type"] == "MARKET":
        values["price"] = None
    return OrderParams(**values)


def refusal(params: OrderParams, traded: Contract = SHARE, **more: Any) -> dict[str, Any] | None:
    try:
        limits.require_within_caps(params, traded, **more)
    except OrderOverLimit as error:
        return cast("dict[str, Any]", error.detail)
    return None


@pytest.mark.usefixtures("last_price", "caps")
@pytest.mark.parametrize(
    ("fields", "traded", "value"),
    [
        ({}, SHARE, None),
        ({"quantity": 101}, SHARE, "10100.00"),
        ({"price": Decimal("100.05")}, SHARE, "10005.00"),
        ({"price": Decimal("99.95"), "quantity": 100}, SHARE, None),
        # A SELL is filled at its price or better.
        ({"side": "SELL", "price": Decimal("99.95"), "quantity": 101}, SHARE, "10100.00"),
        ({"side": "SELL", "price": Decimal("100.05")}, SHARE, "10005.00"),
        ({"order_type": "MARKET"}, SHARE, None),
        ({"order_type": "MARKET", "quantity": 101}, SHARE, "10100.00"),
        ({"order_type": "MARKET", "market_protection_percent": Decimal("0.5")}, SHARE, "10050.00"),
        ({"order_type": "MARKET", "market_protection_percent": Decimal("0.5"), "side": "SELL"}, SHARE, None),
        ({"quantity": 75}, FUTURE, None),  # in units already
        ({"quantity": 150}, FUTURE, "15000.00"),
        ({"quantity": 1}, GAS, "125000.00"),  # in lots
        ({"quantity": 50_000_000, "price": Decimal("119.99")}, SHARE, "5999500000.00"),
    ],
    ids=str,
)
def test_the_value_of_an_order_is_capped(fields: dict[str, Any], traded: Contract, value: str | None) -> None:
    expected = value and {"cap": "ORDER_MAX_VALUE", "value": value, "limit": "10000"}
    assert refusal(order(**fields), traded) == expected


@pytest.mark.usefixtures("last_price", "caps")
@pytest.mark.parametrize(
    ("fields", "off"),
    [
        ({"price": Decimal("120.00")}, None),
        ({"price": Decimal("120.05")}, "20.05"),
        ({"price": Decimal("80.00")}, None),
        ({"price": Decimal("79.95")}, "20.05"),
        ({"order_type": "SL", "price": Decimal("110.00"), "trigger_price": Decimal("121.00")}, "21.00"),
        ({"price": Decimal("9999999999.95"), "side": "SELL", "quantity": 1}, "value"),
    ],
    ids=str,
)
def test_a_price_far_off_the_last_one_is_refused(fields: dict[str, Any], off: str | None) -> None:
    expected = off and {"cap": "ORDER_PRICE_BAND", "value": off, "limit": "20"}
    found = refusal(order(**{"quantity": 1} | fields))
    assert found == expected or (off == "value" and found and found["cap"] == "ORDER_MAX_VALUE")


@pytest.mark.usefixtures("last_price", "caps")
def test_a_price_that_a_change_leaves_alone_may_be_far_off() -> None:
    assert refusal(order(price=Decimal("50.00")), prices=()) is None


@pytest.mark.usefixtures("caps")
@pytest.mark.parametrize("known", ["unreachable", "not quoted", "zero"])
def test_an_order_without_a_known_last_price_is_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, known: str
) -> None:
    def quotes_of(contracts: list[Contract]) -> list[Any]:
        if known == "unreachable":
            raise BrokerUnreachable("no route")
        return [None if known == "not quoted" else quote(SHARE, Decimal(0))]

    monkeypatch.setattr(quotes, "quotes_of", quotes_of)
    for params, cap in ((order(order_type="MARKET"), "ORDER_MAX_VALUE"), (order(), "ORDER_PRICE_BAND")):
        with pytest.raises(OrderOverLimit) as refused:
            limits.require_within_caps(params, SHARE)
        assert refused.value.detail == {"cap": cap, "value": None, "limit": {"ORDER_MAX_VALUE": "10000"}.get(cap, "20")}
        assert "last price" in str(refused.value)


@pytest.mark.usefixtures("last_price", "caps")
@pytest.mark.parametrize("exchange", [Exchange.MCXCOMM, Exchange.NSECOMM])
def test_a_commodity_whose_lot_size_is_not_known_is_refused(exchange: Exchange) -> None:
    unknown = msgspec.structs.replace(GAS, exchange=exchange, lot_size=0)
    found = refusal(order(quantity=1), unknown)
    assert found == {"cap": "ORDER_MAX_VALUE", "value": None, "limit": "10000"}


def test_an_order_over_a_limit_is_answered_with_the_cap_and_nothing_is_sent_or_recorded(
    exchange: Simulator, dealer: APIClient, settings: Settings
) -> None:
    settings.ORDER_PRICE_BAND = 20
    error = assert_error(post(dealer, limit("100.00"), new_key()), 422, "order_over_limit")
    assert error["detail"]["cap"] == "ORDER_PRICE_BAND"
    error = assert_error(place(dealer, quantity=50_000), 422, "order_over_limit")
    assert (error["detail"]["cap"], error["detail"]["limit"]) == ("ORDER_MAX_VALUE", "500000")
    exchange.fail("marketquotes", "503")
    assert "cannot be read" in assert_error(place(dealer, symbol="TCS"), 422, "order_over_limit")["message"]
    assert calls(exchange, "placeorder") == 0
    assert not OrderRequest.objects.exists()


def test_a_change_is_under_the_same_caps_and_a_cancellation_under_none(
    exchange: Simulator, dealer: APIClient, settings: Settings
) -> None:
    order_id = post(dealer, limit("100.00"), new_key()).json()["order_id"]
    settings.ORDER_PRICE_BAND, settings.ORDER_MAX_VALUE = 20, 1_000
    for changes, cap in (({"price": "101.00"}, "ORDER_PRICE_BAND"), ({"quantity": 50}, "ORDER_MAX_VALUE")):
        error = assert_error(dealer.put(f"{ORDERS}/{order_id}", changes), 422, "order_over_limit")
        assert error["detail"]["cap"] == cap
    assert dealer.put(f"{ORDERS}/{order_id}", {"quantity": 6}).status_code == 200
    settings.ORDER_MAX_PER_DAY = 2
    error = assert_error(dealer.put(f"{ORDERS}/{order_id}", {"quantity": 7}), 422, "order_over_limit")
    assert error["detail"] == {"cap": "ORDER_MAX_PER_DAY", "value": "3", "limit": "2"}
    assert dealer.delete(f"{ORDERS}/{order_id}").status_code == 200


def test_orders_are_counted_by_user_and_day_and_what_was_not_sent_does_not_count(
    exchange: Simulator, dealer: APIClient, time: Time, settings: Settings, make_user: Any
) -> None:
    settings.ORDER_MAX_PER_DAY = 1
    exchange.fail("placeorder", "429", times=1)
    key = new_key()
    assert place(dealer, key).status_code == 503
    assert place(dealer, "sent").status_code == 201
    assert_error(place(dealer, new_key()), 422, "order_over_limit")
    assert_error(place(dealer, key), 422, "order_over_limit")  # it would be the second now
    assert place(dealer, "sent")["Idempotent-Replayed"] == "true"
    assert place(client_of(make_user("other", "broker.trade"))).status_code == 201
    assert len(ours(exchange)) == 2
    time.passes(86_400)
    dealer.get("/api/broker/profile")  # begins the new day's session
    assert place(dealer).status_code == 201


def test_requests_at_once_do_not_slip_under_the_cap_together(
    exchange: Simulator, dealer: APIClient, settings: Settings
) -> None:
    settings.ORDER_MAX_PER_DAY = 3
    user = User.objects.get(username="dealer")

    def place_one(_: int) -> int:
        try:
            return int(place(client_of(user)).status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(place_one, range(8)))
    assert sorted(answers) == [201] * 3 + [422] * 5
    assert len(ours(exchange)) == 3
