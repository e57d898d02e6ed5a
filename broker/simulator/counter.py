"""Placing, changing and cancelling orders."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from broker.simulator.account import Account
from broker.simulator.codes import EC_MESSAGES
from broker.simulator.contracts import Contracts
from broker.simulator.history import RefusedRequestError
from broker.simulator.ledger import Order
from broker.simulator.matching import admit, cancel
from broker.simulator.wanted import Wanted, read_order
from broker.simulator.wire import Clock, Row, stamp


class Counter:
    """Each answer is a row with a status of its own: Success, or the code of what is wrong."""

    def __init__(self, account: Account, contracts: Contracts, now: Clock) -> None:
        self._account = account
        self._contracts = contracts
        self._now = now

    def place(self, body: object) -> Row:
        def placed() -> Order:
            wanted = read_order(body, self._contracts)
            with self._account.opened() as books:
                order = self._order(wanted, len(books.orders) + 1)
                price = self._account.price(wanted.contract)
                if price is None:
                    raise RefusedRequestError("EC947")
                admit(order, books, price)
                books.orders.append(order)
                self._account.match(order, self._now())
            return order

        return self._answered(placed)

    def change(self, number: str, body: object) -> Row:
        def changed() -> Order:
            change = body[0] if isinstance(body, list) and body else body
            if not isinstance(change, Mapping) or not change:
                raise RefusedRequestError("EC005")
            with self._waiting(number, unknown="EC994", settled="EC993") as order:
                wanted = read_order(_as_wanted(order) | dict(change), self._contracts)
                if wanted.quantity <= order.filled:
                    raise RefusedRequestError("EC992")
                order.quantity, order.kind, order.validity = wanted.quantity, wanted.kind, wanted.validity
                order.price, order.trigger = wanted.price, wanted.trigger
                order.disclosed, order.protection = wanted.disclosed, wanted.protection
                order.status = _waiting_status(order)
                order.updated = self._now()
                self._account.match(order, self._now())
            return order

        return self._answered(changed)

    def cancel(self, number: str) -> Row:
        def cancelled() -> Order:
            with self._waiting(number, unknown="EC997", settled="EC995") as order:
                cancel(order, self._now())
            return order

        return self._answered(cancelled)

    def cancel_all(self) -> list[Row]:
        with self._account.opened() as books:
            waiting = [order for order in books.orders if order.waits]
            for order in waiting:
                cancel(order, self._now())
        if not waiting:
            return [_refused("EC938")]
        return [_accepted(order.number, self._now()) for order in waiting]

    def _order(self, wanted: Wanted, place: int) -> Order:
        at = self._now().replace(microsecond=0)
        return Order(
            number=f"{at:%y%m%d}{place:09d}",
            contract=wanted.contract,
            side=wanted.side,
            product=wanted.product,
            kind=wanted.kind,
            quantity=wanted.quantity,
            price=wanted.price,
            status="TRIGGER_PENDING" if wanted.kind == "SL" else "open",
            at=at,
            trigger=wanted.trigger,
            tag=wanted.tag,
            validity=wanted.validity,
            complexity=wanted.complexity,
            disclosed=wanted.disclosed,
            protection=wanted.protection,
            live=True,
        )

    @contextmanager
    def _waiting(self, number: str, *, unknown: str, settled: str) -> Iterator[Order]:
        with self._account.opened() as books:
            order = books.order(number)
            if order is None:
                raise RefusedRequestError(unknown)
            if not order.waits:
                raise RefusedRequestError(settled)
            yield order

    def _answered(self, act: Callable[[], Order]) -> Row:
        try:
            return _accepted(act().number, self._now())
        except RefusedRequestError as refused:
            return _refused(refused.code)


def _waiting_status(order: Order) -> str:
    if order.kind == "SL":
        return "TRIGGER_PENDING"
    return "PARTIALLY_FILLED" if order.filled else "open"


def _as_wanted(order: Order) -> dict[str, object]:
    """An order in the words of the request that would place it: a change is read as a new order of its kind."""
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


def _accepted(number: str, at: datetime) -> Row:
    return {"status": "Success", "message": "Success", "brokerOrderId": number, "requestTime": stamp(at)}


def _refused(code: str) -> Row:
    return {"status": code, "message": EC_MESSAGES.get(code, f"Refused with {code}.")}
