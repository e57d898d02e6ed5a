"""The outbox of messages: each is tried until it is delivered, refused for good, or given up after a day.

At least once: if a process dies between a message's delivery and the commit that says so, it is delivered again, under
the same number (`webhook-id`).
"""

import logging
import smtplib
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import F

from alerts.delivery import messages, webhook
from alerts.delivery.addresses import RefusedAddress, UnresolvedAddress
from alerts.delivery.events import event_of
from alerts.delivery.webhook import WebhookFailed
from alerts.meters import DELIVERED, FAILED
from alerts.models import MAX_ERROR_LENGTH, AlertDelivery, Channel, DeliveryState
from broker import clock
from systemcache.events import publish_all

logger = logging.getLogger(__name__)

# Seconds to the next attempt; after the last one the message is given up, a day after the first.
BACKOFF = (5, 30, 120, 600, 3_600, 4 * 3_600, 8 * 3_600, 11 * 3_600)
# A process that has begun an attempt so long ago is dead: no attempt takes so long.
CLAIM = timedelta(seconds=60)

Send = Callable[[AlertDelivery], None]


class NotDelivered(Exception):
    """`final`: trying again does not help."""

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


def due(now: datetime, limit: int) -> list[AlertDelivery]:
    """Find the messages that are to be tried now, the longest due first."""
    rows = AlertDelivery.objects.filter(state=DeliveryState.PENDING, due_at__lte=now)
    return list(rows.select_related("alert", "alert__user").order_by("due_at", "pk")[:limit])


def claim(delivery: AlertDelivery, now: datetime) -> bool:
    """Begin an attempt, unless another process has. Of several, one UPDATE finds the row as it was."""
    mine = AlertDelivery.objects.filter(
        pk=delivery.pk, state=DeliveryState.PENDING, due_at=delivery.due_at, attempts=delivery.attempts
    ).update(due_at=now + CLAIM, attempts=F("attempts") + 1)
    delivery.attempts += 1
    return bool(mine)


def attempt(delivery: AlertDelivery, send: Send) -> None:
    """Send a message that was claimed, and commit what became of it."""
    now = clock.now()
    try:
        send(delivery)
    except NotDelivered as error:
        _note_failure(delivery, str(error), now, final=error.final)
    except Exception as error:  # a fault of ours must not stop the other messages
        logger.exception("alerts: %s of alert %d failed", delivery.channel, delivery.alert_id)
        _note_failure(delivery, f"{type(error).__name__}, see the site's log", now, final=False)
    else:
        DELIVERED.add(delivery.channel)
        _finish(delivery, DeliveryState.DELIVERED, "", now)


def _note_failure(delivery: AlertDelivery, reason: str, now: datetime, *, final: bool) -> None:
    FAILED.add(delivery.channel)
    logger.warning(
        "alerts: %s of alert %d not delivered, attempt %d: %s",
        delivery.channel,
        delivery.alert_id,
        delivery.attempts,
        reason,
    )
    if final or delivery.attempts > len(BACKOFF):
        _finish(delivery, DeliveryState.FAILED, reason, now)
    else:
        pause = timedelta(seconds=BACKOFF[delivery.attempts - 1])
        AlertDelivery.objects.filter(pk=delivery.pk).update(due_at=now + pause, last_error=reason[:MAX_ERROR_LENGTH])


def _finish(delivery: AlertDelivery, state: DeliveryState, reason: str, now: datetime) -> None:
    AlertDelivery.objects.filter(pk=delivery.pk).update(state=state, ended_at=now, last_error=reason[:MAX_ERROR_LENGTH])


def send_event(delivery: AlertDelivery) -> None:
    """Raises NotDelivered."""
    if not publish_all([event_of(delivery.alert)]):
        raise NotDelivered("Redis, which holds the events, cannot be used.")


def send_email(delivery: AlertDelivery) -> None:
    """Raises NotDelivered."""
    if not delivery.alert.user.email:
        raise NotDelivered("The login has no e-mail address.", final=True)
    try:
        messages.email(delivery.alert, delivery_id(delivery)).send()
    except smtplib.SMTPRecipientsRefused as error:
        raise NotDelivered("The mail server refused the recipient.", final=True) from error
    except (smtplib.SMTPException, OSError) as error:  # its text may hold credentials
        raise NotDelivered(f"The mail server did not take it ({type(error).__name__}).") from error


def send_webhook(delivery: AlertDelivery) -> None:
    """Raises NotDelivered."""
    alert = delivery.alert
    try:
        webhook.call(alert.webhook_url, delivery_id(delivery), messages.webhook_body(alert), clock.now())
    except RefusedAddress as error:
        raise NotDelivered(str(error), final=True) from error
    except UnresolvedAddress as error:
        raise NotDelivered(str(error)) from error
    except WebhookFailed as error:
        raise NotDelivered(str(error), final=error.final) from error


def delivery_id(delivery: AlertDelivery) -> str:
    return f"alert-{delivery.alert_id}-{delivery.channel}"


SENDERS: dict[str, Send] = {Channel.EVENT: send_event, Channel.EMAIL: send_email, Channel.WEBHOOK: send_webhook}
