"""Finds out what became of recorded requests: from each order book that is read, and from the broker's stream.

A book is searched for the requests that were never answered, by tag or by what they were to change. So a process may be
killed at any step, and an answer may be lost: the order is found, and it is sent only once.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q, QuerySet

from broker import clock, conf
from broker.models import OrderRequest
from broker.orders import request_log
from broker.orders.outcome import Attributed, Outcome, confirm, find_outcome
from broker.orders.request_log import FINAL_STATUSES, MAX_CALL_TIME, UNRESOLVED
from broker.values import Order

logger = logging.getLogger(__name__)
Action, State = OrderRequest.Action, OrderRequest.State

STATUS_LENGTH = 40


def reconcile(book: Sequence[Order], read_at: datetime) -> None:
    """Look up all unanswered requests in an order book that was asked for at `read_at`."""
    for row in _unanswered(clock.now()):
        if outcome := find_outcome(row, book, read_at, _attributed_to_others(row)):
            _note_outcome(row, outcome)


def settle(orders: Sequence[Order]) -> None:
    """Look up all unanswered requests in orders that the broker's stream has sent.

    They are not a whole book, so an order that is missing from them proves nothing.
    """
    for row in _unanswered(clock.now()):
        if outcome := next(filter(None, (confirm(row, order) for order in orders)), None):
            _note_outcome(row, outcome)


def _note_outcome(row: OrderRequest, outcome: Outcome) -> None:
    if (outcome.state, outcome.message) == (row.state, row.message):
        return
    logger.warning(
        "broker: outcome of order request %d, which had no answer: %s. %s", row.pk, outcome.state, outcome.message
    )
    row.order_id, row.looks_like = outcome.order_id or row.order_id, list(outcome.looks_like)
    row.code, row.ec, row.message = "", "", outcome.message
    request_log.finish(row, outcome.state)


def note_statuses(orders: Sequence[Order]) -> bool:
    """Note on the record what became of its orders; return whether one that was noted before has changed."""
    by_id = {order.order_id: order.state_name[:STATUS_LENGTH] for order in orders if order.order_id}
    rows = OrderRequest.objects.filter(
        client_id=conf.client_id(), state=State.ACCEPTED, sent_at__gte=clock.start_of_day(clock.now())
    ).exclude(order_status__in=FINAL_STATUSES)
    changed = False
    for pk, order_id, noted in rows.values_list("pk", "order_id", "order_status"):
        status = by_id.get(order_id, noted)
        if status != noted:
            OrderRequest.objects.filter(pk=pk).update(order_status=status)
            changed |= bool(noted)  # what was kept when the order was new is invalidated already
    return changed


def _attributed_to_others(row: OrderRequest) -> Attributed:
    """Name the orders that are known to come from other requests to place one."""
    if row.action != Action.PLACE:
        return Attributed()
    others = OrderRequest.objects.filter(client_id=row.client_id, action=Action.PLACE).exclude(pk=row.pk)
    known = list(others.filter(tried_at__gte=clock.start_of_day(clock.now())).values_list("state", "order_id", "tag"))
    order_ids = (order_id for state, order_id, _ in known if state == State.ACCEPTED)
    return Attributed(frozenset(order_ids) - {""}, tuple(tag for *_, tag in known))


def _unanswered(now: datetime) -> QuerySet[OrderRequest]:
    """Find today's requests that no process waits for: the broker's book holds today's orders only."""
    over = ~Q(state=State.SENT) | Q(sent_at__lt=now - MAX_CALL_TIME)
    return OrderRequest.objects.filter(
        over, client_id=conf.client_id(), state__in=UNRESOLVED, sent_at__gte=clock.start_of_day(now)
    )
