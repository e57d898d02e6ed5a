"""The record of order requests: written before the call to the broker, completed after it."""

import hashlib
import json
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q

from broker import clock, conf
from broker.cache_families import CHANGED_BY_ORDERS
from broker.errors import BrokerError, BrokerRefused, KeyReused, OrderOverLimit, OrderUnderWay
from broker.iifl.endpoints import CONNECT_TIMEOUT, PLACE_ORDER
from broker.models import OrderRequest
from broker.order_guards import UnlistedOrder
from broker.orders import limits
from broker.orders.outcome import FINAL_AFTER
from broker.values import OrderReceipt, OrderStatus
from systemcache.invalidation import clear

logger = logging.getLogger(__name__)
Action, State = OrderRequest.Action, OrderRequest.State

TAG_BYTES = 7
# A call that has taken longer than this has no process any more that waits for its answer.
MAX_CALL_TIME = timedelta(seconds=CONNECT_TIMEOUT + PLACE_ORDER.timeout + 10)
OUTCOME_FIELDS = ("state", "ended_at", "order_id", "taken_at", "status_code", "code", "ec", "message", "looks_like")
UNRESOLVED = (State.SENT, State.UNKNOWN, State.NOT_IN_BOOK)
FINAL_STATUSES = tuple(str(status) for status in OrderStatus if status.is_final)


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """What a user requests; `params` is plain JSON. `label` is the user's part of the tag, after this site's prefix.

    `before` holds the values that a change replaces, and `credential` the token or session that was used. An order that
    is there already is named by its number: `exchange` and `symbol` are as much as is known of it.
    """

    user_id: int
    key: str | None
    action: OrderRequest.Action
    exchange: str
    symbol: str
    params: dict[str, Any]
    order_id: str = ""
    label: str = ""
    instrument_id: str = ""
    before: dict[str, Any] | None = None
    credential: str = ""

    def fingerprint(self) -> str:
        names = [self.exchange, self.symbol] if self.action is Action.PLACE else []
        parts = [self.action, *names, self.order_id, self.label, self.params]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def find(intent: OrderIntent) -> OrderRequest | None:
    """Find the earlier request with the same key. Raises KeyReused if it was another one."""
    row = (
        intent.key
        and OrderRequest.objects.filter(client_id=conf.client_id(), user_id=intent.user_id, key=intent.key).first()
    )
    if row and row.fingerprint != intent.fingerprint():
        raise KeyReused
    return row or None


def create_or_get(intent: OrderIntent, admit: Callable[[], object] = lambda: None) -> tuple[OrderRequest, bool]:
    """Commit the request, and return its row and True; for a repeated key, the earlier row and False.

    `admit` is called in the transaction, for one order or change of the account at a time, whatever process it is in;
    it raises OrderOverLimit to refuse it. Raises OrderOverLimit, KeyReused.
    """
    prefix = f"TS{secrets.token_hex(TAG_BYTES)}" if intent.action is Action.PLACE else ""
    row = OrderRequest(
        user_id=intent.user_id,
        client_id=conf.client_id(),
        action=intent.action,
        key=intent.key,
        fingerprint=intent.fingerprint(),
        exchange=_fitted(intent.exchange, OrderRequest.exchange.field.max_length),
        symbol=_fitted(intent.symbol, OrderRequest.symbol.field.max_length),
        instrument_id=_fitted(intent.instrument_id, OrderRequest.instrument_id.field.max_length),
        before=intent.before,
        asked=intent.params,
        tag=prefix + intent.label,
        order_id=intent.order_id,
        credential=intent.credential,
        tried_at=clock.now(),
    )
    try:
        with transaction.atomic(durable=True):
            if intent.action is not Action.CANCEL:
                _lock_account()
                limits.require_daily_share(intent.user_id)
                admit()
            row.save(force_insert=True)
        return row, True
    except (IntegrityError, OrderOverLimit):
        earlier = find(intent)  # the same request at the same time
        if earlier is None:
            raise
        return earlier, False


def _fitted(text: str, length: int | None) -> str:
    """Fit a text of the broker's book into its column: an instrument's name must not prevent a cancellation."""
    return text[:length]


def can_be_claimed(row: OrderRequest) -> bool:
    """Whether the request was certainly not sent, and nobody is about to send it."""
    abandoned = row.state == State.WAITING and row.tried_at < _abandoned_before(clock.now())
    return row.state == State.NOT_SENT or abandoned


def claim(row: OrderRequest, admit: Callable[[], object] = lambda: None) -> bool:
    """Take over a request that was certainly not sent; return False if another process has taken it over.

    Raises OrderOverLimit: a request that was not sent did not count. For `admit` see create_or_get.
    """
    if not can_be_claimed(row):
        return False
    now = clock.now()
    abandoned = Q(state=State.WAITING, tried_at__lt=_abandoned_before(now))
    free = OrderRequest.objects.filter(Q(state=State.NOT_SENT) | abandoned, pk=row.pk, tries=row.tries)
    with transaction.atomic(durable=True):
        if row.action != Action.CANCEL:
            _lock_account()
            if row.state == State.NOT_SENT:
                limits.require_daily_share(row.user_id)
            admit()
        claimed = free.update(
            state=State.WAITING, tries=F("tries") + 1, tried_at=now, code="", ec="", message="", status_code=None
        )
    row.refresh_from_db()
    return bool(claimed)


def _lock_account() -> None:
    """Let other requests of the account wait for this transaction's end. SQLite lets all writers wait anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"broker.orders {conf.client_id()}"])


def _abandoned_before(now: datetime) -> datetime:
    return now - timedelta(seconds=conf.limit_wait()) - MAX_CALL_TIME


def under_way() -> list[OrderRequest]:
    """Find the orders and changes that may be on their way to the broker, or may still turn up in its book."""
    now = clock.now()
    sent = Q(state=State.SENT, sent_at__gt=now - MAX_CALL_TIME)
    lost = Q(state__in=(State.SENT, State.UNKNOWN), sent_at__gt=now - FINAL_AFTER)
    return list(
        OrderRequest.objects.filter(sent | lost, client_id=conf.client_id(), action__in=(Action.PLACE, Action.CHANGE))
    )


def unlisted_orders(since: datetime) -> list[UnlistedOrder]:
    """Find the orders of this site that books which were read at `since` may not show.

    They are about to be sent, or sent without an answer, or accepted since then.
    """
    now = clock.now()
    about_to_be_sent = Q(state=State.WAITING, tried_at__gte=_abandoned_before(now))
    unanswered = Q(state__in=(State.SENT, State.UNKNOWN), sent_at__gte=clock.start_of_day(now))
    accepted = Q(state=State.ACCEPTED, ended_at__gte=since)
    rows = OrderRequest.objects.filter(
        about_to_be_sent | unanswered | accepted, client_id=conf.client_id(), action=Action.PLACE
    )
    return [UnlistedOrder(row.exchange, row.instrument_id, row.asked["side"], row.asked["product"]) for row in rows]


def working_orders() -> list[OrderRequest]:
    """Find today's orders of this site that were not over when they were last read."""
    return list(
        OrderRequest.objects.filter(
            client_id=conf.client_id(),
            action=Action.PLACE,
            state=State.ACCEPTED,
            sent_at__gte=clock.start_of_day(clock.now()),
        ).exclude(order_status__in=FINAL_STATUSES)
    )


def placed_as(order_id: str) -> OrderRequest | None:
    """Find this site's request that placed the order."""
    return OrderRequest.objects.filter(client_id=conf.client_id(), action=Action.PLACE, order_id=order_id).first()


def is_under_way(row: OrderRequest) -> bool:
    """Whether another process may be working on the request."""
    if row.state in (State.WAITING, State.NOT_SENT):
        return True
    return row.state == State.SENT and row.sent_at is not None and row.sent_at > clock.now() - MAX_CALL_TIME


def mark_sent(row: OrderRequest) -> None:
    """Mark the request right before the call. Raises OrderUnderWay if another process has taken it over."""
    now = clock.now()
    claimed = OrderRequest.objects.filter(pk=row.pk, state=State.WAITING, tries=row.tries)
    if not claimed.update(state=State.SENT, sent_at=now):
        raise OrderUnderWay
    row.state, row.sent_at = State.SENT, now


def mark_accepted(row: OrderRequest, receipt: OrderReceipt) -> None:
    row.order_id, row.taken_at = receipt.order_id, receipt.taken_at
    finish(row, State.ACCEPTED)


def mark_failed(row: OrderRequest, error: BrokerError) -> None:
    """Record an error: the request was not sent, was refused, or has an unknown outcome."""
    row.status_code, row.code, row.message = error.status_code, error.code, str(error)
    row.ec = error.ec if isinstance(error, BrokerRefused) else ""
    if row.state == State.WAITING:
        finish(row, State.NOT_SENT)
    elif error.may_have_arrived:
        logger.warning("broker: outcome of order request %d unknown: %s", row.pk, error)
        finish(row, State.UNKNOWN)
    else:
        finish(row, State.REFUSED if isinstance(error, BrokerRefused) else State.NOT_SENT)


def finish(row: OrderRequest, state: OrderRequest.State) -> None:
    """Commit the outcome together with the cache invalidation, unless another process has taken the request over.

    A request that is on record as accepted stays so: another process may have found it in a later order book.
    """
    row.state, row.ended_at = state, clock.now()
    values = {name: getattr(row, name) for name in OUTCOME_FIELDS}
    with transaction.atomic():
        unfinished = OrderRequest.objects.filter(pk=row.pk, tries=row.tries).exclude(state=State.ACCEPTED)
        if unfinished.update(**values):
            clear.invalidate_on_commit(*CHANGED_BY_ORDERS)
