"""What the site says while a feed process runs: its quotes, its orders, and the feed's state."""

from typing import Any

from rest_framework.test import APIClient

from broker.feed import status
from broker.feed.status import State
from broker.simulator import Simulator
from tests.broker.simulator.caller import BUY

LIMIT_BUY = BUY | {"instrumentId": "2885", "product": "DELIVERY", "orderType": "LIMIT", "price": "1"}
SYMBOLS = ("RELIANCE", "INFY", "TCS", "SBIN")


def quotes(trader: APIClient, symbols: tuple[str, ...] = SYMBOLS) -> list[dict[str, Any]]:
    answer = trader.get("/api/broker/quotes", {"symbols": ",".join(symbols)})
    assert answer.status_code == 200
    return list(answer.json()["data"])


def states(trader: APIClient) -> set[str]:
    return {row["state"] for row in quotes(trader)}


def quote_calls(simulator: Simulator) -> int:
    return sum(call.route == "marketquotes" for call in simulator.calls)


def state() -> State | None:
    told = status.read()
    return told.state if told else None


def follows_orders() -> bool:
    told = status.read()
    return told is not None and told.follows_orders


def orders(trader: APIClient) -> dict[str, dict[str, Any]]:
    answer = trader.get("/api/broker/orders")
    assert answer.status_code == 200
    return {row["order_id"]: row for row in answer.json()["data"]}
