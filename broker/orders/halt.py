"""The kill switch: turns the trading switch to `halted`, and cancels every open order."""

import logging
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
from django.db import DatabaseError, connection

from broker import conf
from broker.errors import BrokerError, OrderOutcomeUnknown
from broker.models import OrderRequest, TradingSwitch
from broker.orders import book, request_log, services, switch
from broker.values import Halt, HaltedOrder, Order, TradingMode

logger = logging.getLogger(__name__)
State = OrderRequest.State
# Seconds after which no cancellation begins, and between two reads of the book. An order that is on its way takes as
# long as its call at most; one book in half a second is within the limit.
MAX_TIME, BETWEEN_BOOKS = 25.0, 0.5
MAX_ATTEMPTS = 3  # to cancel one order, or to read the book
PARALLEL = 8  # cancellations, so that one that hangs does not hold up the others; the broker takes ten a second
OPENED = "Somebody has opened trading since, so the remaining orders were left alone."


def halt(user_id: int, *, reason: str = "", credential: str = "") -> Halt:
    """Halt trading, cancel every open order, and return the outcome of each.

    Orders that were marked as sent before the switch turned are waited for, and cancelled too. It goes on until the
    order book shows no open order, and ends early if somebody turns the switch again.
    """
    row = switch.turn(TradingSwitch.State.HALTED, user_id=user_id, reason=reason, credential=credential)
    sweep = Sweep(row, user_id, credential, until=time.monotonic() + MAX_TIME)
    while not sweep.run():
        if time.monotonic() >= sweep.until:
            sweep.look()
            break
        time.sleep(BETWEEN_BOOKS)
    result = sweep.result()
    accepted = sum(order.outcome == State.ACCEPTED for order in result.orders)
    logger.warning("broker: the halt has cancelled %d of %d orders. %s", accepted, len(result.orders), result.message)
    return result


class Target(NamedTuple):
    """An order that is to be cancelled, with its state in the book."""

    order_id: str
    exchange: str
    symbol: str
    status: str


@dataclass
class Sweep:
    """The cancellations of one halt."""

    switched: TradingSwitch
    user_id: int
    credential: str
    until: float  # of the monotonic clock, in seconds
    cancelled: dict[str, HaltedOrder] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    still_open: list[str] = field(default_factory=list)
    failed_reads: int = 0
    problem: str = ""

    def run(self) -> bool:
        """Cancel what is open now; return whether nothing is left to be done."""
        on_their_way = request_log.under_way()  # first: whatever has arrived by then is in the book below
        working = self.look()
        if working is None:
            self.failed_reads += 1
            self._cancel(_recorded())
            return self.failed_reads == MAX_ATTEMPTS
        self._cancel(Target(order.order_id, order.exchange, order.symbol, order.state_name) for order in working)
        if not self._is_halted():
            self.look()
            self.problem = OPENED
            return True
        if on_their_way:
            numbers = ", ".join(str(request.pk) for request in on_their_way)
            self.problem = f"Requests without an answer may still arrive: {numbers}."
        return not on_their_way and all(self._is_given_up(order.order_id) for order in working)

    def look(self) -> list[Order] | None:
        """Read the book, and take from it which orders are open and what became of the others; None if that fails."""
        try:
            orders = book.read_order_book()
        except BrokerError as error:
            self.problem = f"The order book cannot be read: {error}"
            return None
        self.problem = ""
        working = [order for order in orders if not order.status.is_final]
        self.still_open = [order.order_id or "one without a number yet" for order in working]
        for order in orders:
            if known := self.cancelled.get(order.order_id):
                self.cancelled[order.order_id] = _with_status(known, order)
        return working

    def result(self) -> Halt:
        problems = [self.problem] if self.problem else []
        if self.still_open:
            problems.insert(0, f"Orders may still be open: {', '.join(self.still_open)}.")
        advice = "Halt again, or cancel them at the broker." if problems else "No order is open."
        return Halt(orders=list(self.cancelled.values()), complete=not problems, message=" ".join([*problems, advice]))

    def _cancel(self, targets: Iterable[Target]) -> None:
        """Cancel orders, several at a time."""
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="halt") as pool:
            calls = [pool.submit(copy_context().run, self._cancel_in_thread, target) for target in targets]
        for call in calls:
            call.result()

    def _cancel_in_thread(self, target: Target) -> None:
        try:
            self._cancel_one(target)
        finally:
            connection.close()  # of this thread

    def _cancel_one(self, target: Target) -> None:
        """Cancel an order while trading is halted, again only if the last attempt has failed."""
        order_id = target.order_id
        known = self.cancelled.get(order_id)
        if not order_id or (known and known.outcome == State.ACCEPTED) or self._is_given_up(order_id):
            return
        if time.monotonic() >= self.until:
            return
        self.attempts[order_id] = self.attempts.get(order_id, 0) + 1
        key = f"halt-{self.switched.pk}-{order_id}-{self.attempts[order_id]}"
        try:
            if not self._is_halted():
                return
            number, outcome, message = self._send(key, order_id)
        except DatabaseError as error:  # all connections are in use, for example: the other orders are cancelled still
            logger.warning("broker: a cancellation cannot be recorded: %s", type(error).__name__)
            number, outcome, message = None, State.UNKNOWN, "The database failed; the status is the book's."
        self.cancelled[order_id] = HaltedOrder(
            order_id=order_id,
            exchange=target.exchange,
            symbol=target.symbol,
            request=number,
            outcome=outcome,
            message=message,
            status=target.status,
        )

    def _send(self, key: str, order_id: str) -> tuple[int, str, str]:
        """Send a cancellation; return its number in the record, its outcome, and what went wrong."""
        message = ""
        try:
            services.cancel(self.user_id, key, order_id, credential=self.credential)
        except OrderOutcomeUnknown:
            message = "The broker's answer to the cancellation is not known; the status is the book's."
        except BrokerError as error:
            message = str(error)
        request = OrderRequest.objects.get(client_id=conf.client_id(), user_id=self.user_id, key=key)
        return request.pk, request.state, message

    def _is_halted(self) -> bool:
        return switch.current().state is TradingMode.HALTED

    def _is_given_up(self, order_id: str) -> bool:
        known = self.cancelled.get(order_id)
        return known is not None and known.outcome != State.ACCEPTED and self.attempts[order_id] >= MAX_ATTEMPTS


def _recorded() -> list[Target]:
    """For when there is no book: the orders of this site that were not over when they were last read."""
    working = request_log.working_orders()
    return [Target(request.order_id, request.exchange, request.symbol, "") for request in working]


def _with_status(halted: HaltedOrder, order: Order) -> HaltedOrder:
    return msgspec.structs.replace(halted, status=order.state_name)
