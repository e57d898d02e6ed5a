"""What is said of an alert that has fired: by event, by e-mail, by webhook."""

from datetime import datetime

import msgspec
from django.core.mail import EmailMessage

from alerts.models import PriceAlert
from alerts.schemas import AlertSchema, sentence

EVENT_TYPE = "alert.fired"


def row(alert: PriceAlert) -> AlertSchema:
    """The alert as in the API, without how its messages fare."""
    return AlertSchema.of(alert, deliveries=())


def webhook_body(alert: PriceAlert) -> bytes:
    """The body of the request: type, timestamp and data, as Standard Webhooks advises."""
    return msgspec.json.encode({"type": EVENT_TYPE, "timestamp": row(alert).fired_at, "data": row(alert)})


def email(alert: PriceAlert, delivery_id: str) -> EmailMessage:
    """The e-mail to the owner of the alert; its header names the delivery, which is the same in each attempt."""
    shown = row(alert)
    fired_at = shown.fired_at
    lines = [
        sentence(shown),
        "",
        f"Alert: {alert.symbol} on {alert.exchange}, {alert.condition}",
        f"At: {fired_at:%d %b %Y, %H:%M:%S %Z}" if isinstance(fired_at, datetime) else "",
        *([f"Note: {alert.note}"] if alert.note else []),
        "",
        "It is the price when the alert fired; look at the current one before you trade.",
    ]
    return EmailMessage(
        subject=f"Alert: {sentence(shown)}",
        body="\n".join(lines),
        to=[alert.user.email],
        headers={"X-Alert-Delivery": delivery_id},
    )
