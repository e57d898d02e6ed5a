"""The record of what was asked about orders: written before the broker is called, completed after it.

A request that was sent and never answered is looked for in each order book that is read: by its tag, or by what it was
to change. So a process may be killed at any step, and an answer may be lost: the order is found, and sent once.
"""

import hashlib
import json
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from broker import conf, tokens
from broker.cache_families import MOVED_BY_ORDERS
from broker.endpoints import CONNECT_TIMEOUT, PLACE_ORDER
from broker.errors import BrokerError, BrokerRefused, OrderUnderWay
from broker.models import OrderRequest
from broker.order_outcome import outcome
from broker.values import Order, OrderReceipt
from systemcache import invalidation

logger = logging.getLogger(__name__)
Action, State = OrderRequest.Action, OrderRequest.State

MARK_BYTES = 7
# Seconds after which nobody can be waiting for the answer to a call any more: its process has died.
CALL_LIFE = timedelta(seconds=CONNECT_TIMEOUT + PLACE_ORDER.timeout + 10)
ENDED = ("state", "ended_at", "order_id", "taken_at", "status_code", "code", "message")
OPEN = (State.SENT, State.UNKNOWN, State.NOT_IN_BOOK)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for; `asked` is plain JSON. `label` stands in the tag behind our own mark."""

    user_id: int
    key: str | None
    action: OrderRequest.Action
    exchange: str
    symbol: str
    asked: dict[str, Any]
    order_id: str = ""
    label: str = ""

    def fingerprint(self) -> str:
        parts = [self.action, self.exchange, self.symbol, self.order_id, self.label, self.asked]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def opened(wish: Wish) -> tuple[OrderRequest, bool]:
    """The request's row, committed, and whether it is the caller's to send: an earlier one of the same key is not."""
    try:
        with transaction.atomic(durable=True):
            return OrderRequest.objects.create(**_fields(wish)), True
    except IntegrityError:
        if wish.key is None:
            raise
        return OrderRequest.objects.get(client_id=conf.client_id(), user_id=wish.user_id, key=wish.key), False


def _fields(wish: Wish) -> dict[str, Any]:
    mark = f"TS{secrets.token_hex(MARK_BYTES)}" if wish.action is Action.PLACE else ""
    return {
        "user_id": wish.user_id,
        "client_id": conf.client_id(),
        "action": wish.action,
        "key": wish.key,
        "fingerprint": wish.fingerprint(),
        "exchange": wish.exchange,
        "symbol": wish.symbol,
        "asked": wish.asked,
        "tag": mark + wish.label,
        "order_id": wish.order_id,
        "tried_at": tokens.now(),
    }


def taken_over(row: OrderRequest) -> bool:
    """Whether a request that was certainly not sent is the caller's to send now."""
    now = tokens.now()
    abandoned = Q(state=State.WAITING, tried_at__lt=now - timedelta(seconds=conf.limit_wait()) - CALL_LIFE)
    free = OrderRequest.objects.filter(Q(state=State.NOT_SENT) | abandoned, pk=row.pk, tries=row.tries)
    taken = free.update(state=State.WAITING, tries=F("tries") + 1, tried_at=now, code="", message="", status_code=None)
    row.refresh_from_db()
    return bool(taken)


def is_under_way(row: OrderRequest) -> bool:
    """Whether somebody may be at it now."""
    if row.state in (State.WAITING, State.NOT_SENT):
        return True
    return row.state == State.SENT and row.sent_at is not None and row.sent_at > tokens.now() - CALL_LIFE


def mark_sent(row: OrderRequest) -> None:
    """Right before the call. Raises OrderUnderWay when another process has taken the request over meanwhile."""
    now = tokens.now()
    mine = OrderRequest.objects.filter(pk=row.pk, state=State.WAITING, tries=row.tries)
    if not mine.update(state=State.SENT, sent_at=now):
        raise OrderUnderWay
    row.state, row.sent_at = State.SENT, now


def accepted(row: OrderRequest, receipt: OrderReceipt) -> None:
    row.order_id, row.taken_at = receipt.order_id, receipt.taken_at
    _end(row, State.ACCEPTED)


def failed(row: OrderRequest, error: BrokerError) -> None:
    """What an error leaves: a request not sent, one refused, or one of which nobody knows."""
    row.status_code, row.code, row.message = error.status_code, error.code, str(error)
    if row.state == State.WAITING:
        _end(row, State.NOT_SENT)
    elif error.may_have_arrived:
        logger.warning("broker: what became of order request %d is not known: %s", row.pk, error)
        _end(row, State.UNKNOWN)
    else:
        _end(row, State.REFUSED if isinstance(error, BrokerRefused) else State.NOT_SENT)


def _end(row: OrderRequest, state: OrderRequest.State) -> None:
    """The row and the record of what it drops from the cache commit together; not if another has taken it over."""
    row.state, row.ended_at = state, tokens.now()
    ended = {name: getattr(row, name) for name in ENDED}
    with transaction.atomic():
        if OrderRequest.objects.filter(pk=row.pk, tries=row.tries).update(**ended):
            invalidation.drop_on_commit(*MOVED_BY_ORDERS)


def settle(book: Sequence[Order]) -> None:
    """Looks for all requests without an answer in an order book read now."""
    now = tokens.now()
    for row in _without_answer(now):
        found = outcome(row, book, now)
        if found and found.state != row.state:
            logger.warning("broker: order request %d, which had no answer: %s", row.pk, found.state)
            row.order_id, row.message = found.order_id or row.order_id, found.message
            _end(row, found.state)


def _without_answer(now: datetime) -> QuerySet[OrderRequest]:
    """Those of today whose process waits no more: the broker's book holds today's orders only."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    over = ~Q(state=State.SENT) | Q(sent_at__lt=now - CALL_LIFE)
    return OrderRequest.objects.filter(over, client_id=conf.client_id(), state__in=OPEN, sent_at__gte=today)
