"""What tests of orders share: somebody who trades, and the broker's book as the simulator keeps it."""

import itertools
from typing import Any

from rest_framework.test import APIClient

from broker.simulator import Simulator
from broker.simulator.account.ledger import Order

ORDERS = "/api/broker/orders"
BUY = {"symbol": "INFY", "side": "BUY", "quantity": 5, "product": "INTRADAY", "order_type": "MARKET"}
BUY |= {"market_protection_percent": "0.5"}
_numbers = itertools.count(1)


def new_key() -> str:
    return f"key-{next(_numbers)}"


def limit(price: str, **more: object) -> dict[str, Any]:
    """An order that waits, far from the market."""
    return {name: BUY[name] for name in ("symbol", "side", "quantity", "product")} | {
        "order_type": "LIMIT",
        "price": price,
        **more,
    }


def place(api: APIClient, key: str | None = None, **change: Any) -> Any:
    order = {name: value for name, value in {**BUY, **change}.items() if value is not None}
    return post(api, order, key or new_key())


def post(api: APIClient, order: dict[str, Any], key: str) -> Any:
    return api.post(ORDERS, order, headers={"Idempotency-Key": key})


def ours(simulator: Simulator) -> list[Order]:
    """The orders in the broker's book that were placed by a client."""
    return [order for order in simulator.account.books().orders if order.live]


def calls(simulator: Simulator, *routes: str) -> int:
    return sum(call.route in routes for call in simulator.calls)
