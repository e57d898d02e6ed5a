"""Days of orders with lost answers, altered tags and odd words: never two orders, never a false "it had no effect"."""

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from broker import order_guards
from broker.errors import BrokerError, OrderNotInBook, OrderOutcomeUnknown
from broker.iifl.client import Client
from broker.models import OrderRequest
from broker.orders import book, limits, services
from broker.values import Order, OrderChange, OrderParams
from systemcache.cached_value import CachedValue, combine
from tests.broker.orders.conftest import Time
from tests.broker.orders.model_broker import ModelBroker
from tests.watchlist.conftest import contract

TRADING_DAYS_OF_A_YEAR = 250
PARAMS = OrderParams(side="BUY", quantity=5, product="INTRADAY", order_type="LIMIT", price=Decimal("1481.05"))
INFY = msgspec.structs.replace(contract("INFY"), instrument_id="1594", trading_symbol="INFY-EQ")
A_DAY = 86_400


class Tokens:
    """A broker session that does not end."""

    def current(self) -> str:
        return "token"

    def invalidate(self, token: str) -> None: ...


class Desk:
    """A program that trades through the site, and does what the site's errors advise."""

    def __init__(self, user_id: int, broker: ModelBroker, time: Time) -> None:
        self.user_id, self.broker, self.time = user_id, broker, time
        self.keys = 0
        self.advised_again = False
        self.outcomes: dict[str, int] = {}

    def trade(self) -> None:
        """Want one order, and go on until it is known whether there is one; then perhaps change and cancel it."""
        chance = self.broker.chance
        tags = []
        for _ in range(3):
            row = self.follow(lambda key: services.place(self.user_id, key, "INFY", "NSEEQ", PARAMS))
            tags.append(row.tag)
            if row.state != OrderRequest.State.NOT_IN_BOOK:
                break
        orders = [order for tag in tags for order in self.broker.placed_with(tag)]
        assert len(orders) <= 1, [(order.number, order.shown) for order in orders]
        if row.state == OrderRequest.State.ACCEPTED:
            assert [order.number for order in orders] == [row.order_id]
            if chance.random() < 0.7:
                changes = OrderChange(price=chance.choice((Decimal("1481.05"), Decimal("1486.05"))))
                self.follow(lambda key: services.change(self.user_id, key, row.order_id, changes))
            if chance.random() < 0.7:
                self.follow(lambda key: services.cancel(self.user_id, key, row.order_id))

    def follow(self, send: Callable[[str], object]) -> OrderRequest:
        """Send with one key until there is an outcome, or for two minutes."""
        self.keys += 1
        key = f"{self.user_id}-{self.keys}"
        code = ""
        for seconds in (1, 20, 45, 60, 600):
            try:
                send(key)
                code = "accepted"
                break
            except OrderOutcomeUnknown as error:
                self.advised_again |= "new Idempotency-Key" in str(error)
                code = error.code
            except OrderNotInBook as error:
                code = error.code
                self.require_no_effect(OrderRequest.objects.get(key=key))
                break
            except BrokerError as error:
                code = error.code
                break
            self.time.passes(seconds)
            if self.broker.chance.random() < 0.1:
                self.broker.trade_elsewhere()
            if self.broker.chance.random() < 0.1:
                self.broker.change_elsewhere()
        self.outcomes[code] = self.outcomes.get(code, 0) + 1
        return OrderRequest.objects.filter(key=key).first() or OrderRequest()

    def require_no_effect(self, row: OrderRequest) -> None:
        if row.action == OrderRequest.Action.PLACE:
            assert self.broker.placed_with(row.tag) == []
            return
        order = self.broker.order(row.order_id)
        assert order
        assert row.asked.get("price", "cancelled") not in order.effects


@pytest.fixture
def desk(
    transactional_db: None, settings: Settings, time: Time, make_user: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], Desk]:
    settings.TRADING_ENABLED = True

    def build(seed: int) -> Desk:
        broker = ModelBroker(random.Random(seed), time)
        client = Client(broker, Tokens())  # type: ignore[arg-type]
        monkeypatch.setattr(services, "default_client", lambda: client)
        monkeypatch.setattr(book, "default_client", lambda: client)
        monkeypatch.setattr(services, "resolve", lambda *_: INFY)
        monkeypatch.setattr(limits, "require_within_caps", lambda *_: None)  # they need prices
        monkeypatch.setattr(order_guards, "check", lambda _: [])  # and the account
        monkeypatch.setattr(book, "orders", lambda: fresh(book.read_order_book()))
        user: User = make_user(f"desk{seed}", "broker.trade")
        return Desk(user.pk, broker, time)

    return build


def fresh(orders: list[Order]) -> CachedValue[list[Order]]:
    return combine(list[Order], orders, [])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
@pytest.mark.timeout(1800)
def test_there_are_never_two_orders_nor_a_false_no_effect(desk: Callable[[int], Desk], seed: int) -> None:
    trader = desk(seed)
    morning = trader.time.now
    for day in range(TRADING_DAYS_OF_A_YEAR):
        trader.time.now = morning
        trader.time.passes(day * A_DAY)
        trader.broker.start_day()
        for _ in range(trader.broker.chance.randint(2, 4)):
            trader.trade()
            trader.time.passes(trader.broker.chance.randint(30, 1_800))
            trader.broker.close_elsewhere()
    assert not trader.advised_again
    assert {"accepted", "order_outcome_unknown", "order_not_in_book"} <= set(trader.outcomes)
