"""Placing, changing and cancelling orders."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from broker.simulator.account.account import Account
from broker.simulator.account.ledger import Order
from broker.simulator.account.matching import cancel, check_risk
from broker.simulator.account.order_request import OrderRequest, read_order
from broker.simulator.candle_request import RefusedRequestError
from broker.simulator.codes import EC_MESSAGES
from broker.simulator.prices.contracts import Contracts
from broker.simulator.wire import Clock, Row, stamp


class OrderEntry:
    """Answers each request with a row that has a status of its own: Success, or an EC code."""

    def __init__(self, account: Account, contracts: Contracts, now: Clock) -> None:
        self._account = account
        self._contracts = contracts
        self._now = now

    def place(self, body: object) -> Row:
        def place_order() -> Order:
            request = read_order(body, self._contracts)
            with self._account.locked() as books:
                order = self._order(request, books.next_number(self._now()))
                price = self._account.price(request.contract)
                if price is None:
                    raise RefusedRequestError("EC947")
                check_risk(order, books, price)
                books.orders.append(order)
                self._account.note(order)
                self._account.match(order, self._now())
            return order

        return self._to_row(place_order)

    def change(self, number: str, body: object) -> Row:
        def change_order() -> Order:
            change = body[0] if isinstance(body, list) and body else body
            if not isinstance(change, Mapping) or not change:
                raise RefusedRequestError("EC005")
            with self._working_order(number, unknown="EC994", not_working="EC993") as order:
                request = read_order(_as_request(order) | dict(change), self._contracts)
                if request.quantity <= order.filled:
                    raise RefusedRequestError("EC992")
                order.quantity, order.kind, order.validity = request.quantity, request.kind, request.validity
                order.price, order.trigger = request.price, request.trigger
                order.disclosed, order.protection = request.disclosed, request.protection
                unfilled_status = "TRIGGER_PENDING" if order.kind == "SL" else "open"
                order.status = "PARTIALLY_FILLED" if order.filled and order.kind != "SL" else unfilled_status
                order.updated = self._now()
                self._account.note(order)
                self._account.match(order, self._now())
            return order

        return self._to_row(change_order)

    def cancel(self, number: str) -> Row:
        def cancel_order() -> Order:
            with self._working_order(number, unknown="EC997", not_working="EC995") as order:
                cancel(order, self._now())
            return order

        return self._to_row(cancel_order)

    def fill(self, number: str, quantity: int, price: int) -> Row:
        """Fill so many of an open order, or what is left of it, at a price in paise."""

        def fill_order() -> Order:
            with self._working_order(number, unknown="EC997", not_working="EC995") as order:
                if quantity < 1 or price < 1:
                    raise RefusedRequestError("EC949" if quantity < 1 else "EC958")
                order.fill(min(quantity, order.pending), price, self._now())
            return order

        return self._to_row(fill_order)

    def reject(self, number: str, reason: str) -> Row:
        """Let the exchange reject an open order."""

        def reject_order() -> Order:
            with self._working_order(number, unknown="EC997", not_working="EC995") as order:
                order.status, order.reason, order.updated = "rejected", reason, self._now()
            return order

        return self._to_row(reject_order)

    def cancel_all(self) -> list[Row]:
        with self._account.locked() as books:
            working = [order for order in books.orders if order.is_working]
            for order in working:
                cancel(order, self._now())
        if not working:
            return [_refused_row("EC938")]
        return [_accepted_row(order.number, self._now()) for order in working]

    def _order(self, request: OrderRequest, number: str) -> Order:
        at = self._now().replace(microsecond=0)
        return Order(
            number=number,
            contract=request.contract,
            side=request.side,
            product=request.product,
            kind=request.kind,
            quantity=request.quantity,
            price=request.price,
            status="TRIGGER_PENDING" if request.kind == "SL" else "open",
            at=at,
            trigger=request.trigger,
            tag=request.tag,
            validity=request.validity,
            complexity=request.complexity,
            disclosed=request.disclosed,
            protection=request.protection,
            live=True,
        )

    @contextmanager
    def _working_order(self, number: str, *, unknown: str, not_working: str) -> Iterator[Order]:
        with self._account.locked() as books:
            order = books.order(number)
            if order is None:
                raise RefusedRequestError(unknown)
            if not order.is_working:
                raise RefusedRequestError(not_working)
            yield order

    def _to_row(self, action: Callable[[], Order]) -> Row:
        try:
            return _accepted_row(action().number, self._now())
        except RefusedRequestError as error:
            return _refused_row(error.code)


def _as_request(order: Order) -> dict[str, object]:
    """Write an order as the request that would place it, because a change is validated like a new order."""
    return {
        "exchange": order.contract.exchange,
        "instrumentId": order.contract.instrument_id,
        "transactionType": order.side,
        "quantity": order.quantity,
        "product": order.product,
        "orderType": order.kind,
        "orderComplexity": order.complexity,
        "validity": order.validity,
        "price": order.price / 100 if order.price else "",
        "slTriggerPrice": order.trigger / 100 if order.trigger else "",
        "disclosedQuantity": order.disclosed,
        "marketProtectionPercent": order.protection,
        "orderTag": order.tag,
    }


def _accepted_row(number: str, at: datetime) -> Row:
    return {"status": "Success", "message": "Success", "brokerOrderId": number, "requestTime": stamp(at)}


def _refused_row(code: str) -> Row:
    return {"status": code, "message": EC_MESSAGES.get(code, f"Refused with {code}.")}
