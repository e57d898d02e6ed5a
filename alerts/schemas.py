"""Response schemas of alerts, for the cached lists, single rows, events and webhooks."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Self

import msgspec
from django.utils import timezone

from alerts.models import AlertDelivery, Kind, PriceAlert
from broker import money
from systemcache.codec import Moment


class DeliverySchema(msgspec.Struct, frozen=True, kw_only=True):
    channel: str
    state: str
    attempts: int
    last_error: str

    @classmethod
    def of(cls, delivery: AlertDelivery) -> Self:
        return cls(
            channel=delivery.channel,
            state=delivery.state,
            attempts=delivery.attempts,
            last_error=delivery.last_error,
        )


class AlertSchema(msgspec.Struct, frozen=True, kw_only=True):
    """`value` is rupees, or per cent of a day's change. `armed`: the next price past the value fires it."""

    id: int
    user: str
    symbol: str
    exchange: str
    instrument_id: str
    kind: str
    value: Decimal
    note: str
    email: bool
    webhook_url: str
    state: str
    armed: bool | None
    created_at: Moment
    fired_at: Moment | None
    fired_price: Decimal | None
    fired_change_percent: Decimal | None
    deliveries: list[DeliverySchema]

    @classmethod
    def of(cls, alert: PriceAlert, deliveries: Iterable[AlertDelivery] | None = None) -> Self:
        """Describe an alert; `deliveries` are read from the database unless they are given."""
        found = alert.deliveries.all() if deliveries is None else deliveries
        return cls(
            id=alert.pk,
            user=alert.user.get_username(),
            symbol=alert.symbol,
            exchange=alert.exchange,
            instrument_id=alert.instrument_id,
            kind=alert.kind,
            value=_value(alert),
            note=alert.note,
            email=alert.email,
            webhook_url=alert.webhook_url,
            state=alert.state,
            armed=alert.armed,
            created_at=timezone.localtime(alert.created_at),
            fired_at=_local(alert.fired_at),
            fired_price=None if alert.fired_price is None else money.price(alert.fired_price),
            fired_change_percent=alert.fired_change_percent,
            deliveries=[DeliverySchema.of(delivery) for delivery in found],
        )


def sentence(alert: AlertSchema) -> str:
    """Say in words that an alert has fired: `RELIANCE is at ₹2,905.50, at or above ₹2,900.00`."""
    price = "an unknown price" if alert.fired_price is None else f"₹{money.grouped(alert.fired_price)}"
    side = "at or above" if Kind(alert.kind).is_upward else "at or below"
    if Kind(alert.kind).is_price:
        return f"{alert.symbol} is at {price}, {side} ₹{money.grouped(alert.value)}"
    known = alert.fired_change_percent is not None
    change = f"{alert.fired_change_percent:+} %" if known else "unknown"
    return f"{alert.symbol} is at {price}, its day's change {change}, {side} {alert.value:+} %"


class WatchedAlert(msgspec.Struct, frozen=True, kw_only=True):
    """As much of an active alert as judging needs."""

    id: int
    exchange: str
    symbol: str
    instrument_id: str
    kind: Kind
    value: Decimal
    armed: bool | None
    created_at: Moment

    @classmethod
    def of(cls, alert: PriceAlert) -> Self:
        return cls(
            id=alert.pk,
            exchange=alert.exchange,
            symbol=alert.symbol,
            instrument_id=alert.instrument_id,
            kind=Kind(alert.kind),
            value=alert.value,
            armed=alert.armed,
            created_at=timezone.localtime(alert.created_at),
        )


def _value(alert: PriceAlert) -> Decimal:
    return money.price(alert.value) if Kind(alert.kind).is_price else alert.value.quantize(Decimal("0.01"))


def _local(moment: datetime | None) -> datetime | None:
    return moment and timezone.localtime(moment)
