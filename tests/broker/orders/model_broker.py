"""A broker's order desk as a transport: it loses answers, alters tags, and has many words for one state."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from broker.errors import BrokerTimeout
from broker.iifl.endpoints import CANCEL_ORDER, CHANGE_ORDER, ORDERS, PLACE_ORDER, Endpoint
from broker.iifl.mapping.fields import MONTHS

OPEN = ("open", "OPEN", "Open", "new", "modified")
COMPLETE = ("complete", "COMPLETE", "executed", "Filled", "TRADED")
CANCELLED = ("cancelled", "CANCELLED", "canceled", "CANCELLED AMO", "cancelled after market order")
ODD = ("Frozen", "not executed", "PUT ORDER REQ RECEIVED", "AMO REQ RECEIVED", "Cancel Pending", "")
WORDS = {"open": OPEN, "complete": COMPLETE, "cancelled": CANCELLED}
# An order that is over may be shown with a word that says nothing, but with none that says that it waits.
ODD_WORDS = {"open": (*ODD, "Trigger Pending"), "complete": ODD, "cancelled": ODD}


@dataclass
class Order:
    """An order as the broker knows it. `sent_tag` is the tag that it came with, `shown` what the book shows of it.

    `effects` are the prices that the site has given it since, and "cancelled" if the site has cancelled it.
    """

    number: str
    at: datetime
    sent_tag: str
    body: dict[str, str]
    state: str = "open"
    effects: list[str] = field(default_factory=list)
    shown: dict[str, Any] = field(default_factory=dict)


class ModelBroker:
    """Everything is drawn from `chance`, so that a seed replays a year. `clock` is also the site's."""

    def __init__(self, chance: random.Random, clock: Callable[[], datetime]) -> None:
        self.chance = chance
        self.clock = clock
        self.orders: list[Order] = []
        self.late: list[tuple[datetime, Order]] = []

    def call(
        self, endpoint: Endpoint, *, token: str = "", body: Any = None, before_send: Any = None, **parts: str
    ) -> Any:
        if endpoint is ORDERS:
            return self._book()
        before_send()
        arrives = self.chance.random() < 0.75
        if arrives and not (answer := self._carry_out(endpoint, body, parts.get("order_id", ""))):
            return _row(status="EC994", message="unknown order, or over")
        if arrives and self.chance.random() < 0.55:
            return _row(status="Success", brokerOrderId=answer)
        raise BrokerTimeout(endpoint.timeout)

    def trade_elsewhere(self) -> None:
        """Place an order that the site knows nothing of."""
        body = {"transactionType": self.chance.choice(("BUY", "SELL")), "quantity": "5", "price": "1480.00"}
        self.orders.append(self._order(body | {"orderType": "LIMIT", "orderTag": ""}))

    def change_elsewhere(self) -> None:
        """Change an order's price, as its owner may do on the broker's own page."""
        for order in self._open_orders(1):
            order.body["price"] = "1490.00"

    def close_elsewhere(self) -> None:
        for order in self._open_orders(2):
            self._move(order, self.chance.choice(("complete", "cancelled")))

    def start_day(self) -> None:
        self.orders, self.late = [], []

    def placed_with(self, tag: str) -> list[Order]:
        return [order for order in (*self.orders, *(order for _, order in self.late)) if order.sent_tag == tag]

    def order(self, number: str) -> Order | None:
        return next((order for order in self.orders if order.number == number), None)

    def _open_orders(self, most: int) -> list[Order]:
        """Some of those that are open: one that is over stays as it is."""
        found = [order for order in self.orders if order.state == "open"]
        return self.chance.sample(found, min(most, len(found)))

    def _carry_out(self, endpoint: Endpoint, body: Any, order_id: str) -> str:
        if endpoint is PLACE_ORDER:
            order = self._order(body[0])
            if self.chance.random() < 0.1:  # it reaches the book later
                self.late.append((self.clock() + timedelta(seconds=self.chance.randint(1, 40)), order))
            else:
                self.orders.append(order)
            return order.number
        order_or_none = self.order(order_id)
        if order_or_none is None or order_or_none.state != "open":
            return ""
        if endpoint is CANCEL_ORDER:
            self._move(order_or_none, "cancelled")
            order_or_none.effects.append("cancelled")
        elif endpoint is CHANGE_ORDER:
            order_or_none.body |= body
            order_or_none.effects.append(body["price"])
        return order_or_none.number

    def _order(self, body: dict[str, str]) -> Order:
        number = f"{self.clock():%y%m%d}{len(self.orders) + len(self.late) + 1:09d}"
        order = Order(number, self.clock(), body["orderTag"], dict(body))
        order.shown["orderTag"] = self._altered(body["orderTag"])
        if self.chance.random() < 0.05:
            order.shown["exchangeTimestamp"] = self.chance.choice(("", None, "yesterday"))
        if self.chance.random() < 0.05:
            order.shown["transactionType"] = order.body["transactionType"][0]
        self._move(order, self.chance.choice(("open", "open", "open", "complete")))
        return order

    def _altered(self, tag: str) -> Any:
        alterations = (str.lower, str.upper, lambda text: f"{text}-1764835124", lambda text: text[:10], lambda _: "NA")
        if self.chance.random() < 0.5:
            return tag
        return self.chance.choice((*alterations, lambda _: None, lambda _: "by another desk"))(tag)

    def _move(self, order: Order, state: str) -> None:
        order.state = state
        words = ODD_WORDS if self.chance.random() < 0.25 else WORDS
        order.shown["orderStatus"] = self.chance.choice(words[state])

    def _book(self) -> Any:
        arrived = [order for at, order in self.late if at <= self.clock()]
        self.late = [(at, order) for at, order in self.late if at > self.clock()]
        self.orders += arrived
        rows = [self._book_row(order) for order in self.orders]
        self.chance.shuffle(rows)
        return {"status": "Ok", "result": rows or {"status": "EC916", "message": "no orders"}}

    def _book_row(self, order: Order) -> dict[str, Any]:
        price = order.body.get("price", "0")
        noisy = float(price) + 0.0000000000002 if self.chance.random() < 0.3 else price
        return {
            "brokerOrderId": order.number,
            "tradingSymbol": "INFY-EQ",
            "instrumentId": "1594",
            "exchange": "NSEEQ",
            "transactionType": order.body["transactionType"],
            "quantity": order.body["quantity"],
            "orderType": self.chance.choice((order.body["orderType"], order.body["orderType"].title())),
            "price": noisy,
            "exchangeTimestamp": f"{order.at:%d}-{MONTHS[order.at.month - 1]}-{order.at:%Y %H:%M:%S}",
        } | order.shown


def _row(**fields: str) -> dict[str, Any]:
    return {"status": "Ok", "result": [fields]}
