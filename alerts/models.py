"""Price alerts, and the messages that say that one has fired."""

from decimal import Decimal
from typing import Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now

from broker.money import grouped, price
from watchlist.models.columns import exchange_column, known_exchange, not_empty, one_of, symbol_column

MAX_NOTE_LENGTH = 200
MAX_ERROR_LENGTH = 300


class Kind(models.TextChoices):
    ABOVE = "above", "Price at or above"
    BELOW = "below", "Price at or below"
    CHANGE_ABOVE = "change_above", "Day's change at or above"
    CHANGE_BELOW = "change_below", "Day's change at or below"

    @property
    def is_price(self) -> bool:
        return self in (Kind.ABOVE, Kind.BELOW)

    @property
    def is_upward(self) -> bool:
        return self in (Kind.ABOVE, Kind.CHANGE_ABOVE)


def condition_of(kind: Kind, value: Decimal) -> str:
    """Say in words what an alert waits for: `price at or above ₹2,900.00`."""
    amount = f"₹{grouped(price(value))}" if kind.is_price else f"{value:+,.2f} %"
    return f"{kind.label[0].lower()}{kind.label[1:]} {amount}"


class State(models.TextChoices):
    ACTIVE = "active", "Active"
    FIRED = "fired", "Fired"


class PriceAlertQuerySet(models.QuerySet["PriceAlert"]):
    def of(self, owner: str) -> Self:
        """Filter by owner, which is a user's number or `all`."""
        return self if owner == "all" else self.filter(user_id=int(owner))


class PriceAlert(models.Model):
    """Fires once: when a live price crosses the value, seen first on the one side and then on the other.

    `armed` says whether a price on the other side has been seen, so that the next one at or past the value fires the
    alert. It is None until the first price, and False while the price has been past the value ever since.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="price_alerts")
    symbol = symbol_column()
    exchange = exchange_column()
    instrument_id = models.CharField("the broker's instrument", max_length=32, editable=False)
    kind = models.CharField(max_length=12, choices=Kind)
    value = models.DecimalField(
        max_digits=14, decimal_places=4, help_text="Rupees; of a day's change, per cent: -2.5 is a fall by 2.5 %."
    )
    note = models.CharField(max_length=MAX_NOTE_LENGTH, blank=True, help_text="Why, or what to do then.")
    email = models.BooleanField("e-mail", default=False, help_text="Send an e-mail to the owner's address.")
    webhook_url = models.CharField(
        "webhook", max_length=500, blank=True, help_text="An address that gets a signed POST request."
    )
    state = models.CharField(max_length=8, choices=State, default=State.ACTIVE, editable=False)
    armed = models.BooleanField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    fired_at = models.DateTimeField(null=True, blank=True, editable=False)
    fired_price = models.DecimalField(max_digits=14, decimal_places=4, null=True, blank=True, editable=False)
    fired_change_percent = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True, editable=False)

    objects = PriceAlertQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        constraints = (
            not_empty("symbol"),
            known_exchange(),
            one_of("kind", Kind.values),
            one_of("state", State.values),
            models.CheckConstraint(
                condition=~models.Q(kind__in=(Kind.ABOVE, Kind.BELOW)) | models.Q(value__gt=0),
                name="pricealert_price_above_zero",
                violation_error_message="A price must be above 0.",
            ),
            models.CheckConstraint(
                condition=models.Q(state=State.ACTIVE, fired_at=None)
                | models.Q(state=State.FIRED, fired_at__isnull=False),
                name="pricealert_fired_has_time",
            ),
        )
        indexes = (models.Index(fields=("user", "state", "-id"), name="pricealert_by_user"),)

    def __str__(self) -> str:
        return f"{self.symbol} on {self.exchange}: {self.condition}"

    @property
    def condition(self) -> str:
        return condition_of(Kind(self.kind), self.value)

    def clean(self) -> None:
        if self.kind in (Kind.ABOVE, Kind.BELOW) and self.value <= 0:
            raise ValidationError({"value": "A price must be above 0."})


class Channel(models.TextChoices):
    EVENT = "event", "Event"
    EMAIL = "email", "E-mail"
    WEBHOOK = "webhook", "Webhook"


class DeliveryState(models.TextChoices):
    PENDING = "pending", "Pending"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Failed"


class AlertDelivery(models.Model):
    """A message that says that an alert has fired, committed with the firing: the outbox.

    `due_at` is when it is to be tried next. Whoever tries it moves it ahead first, so that another process tries it
    again only if this one has died meanwhile.
    """

    alert = models.ForeignKey(PriceAlert, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=8, choices=Channel)
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=MAX_ERROR_LENGTH, blank=True)

    class Meta:
        verbose_name_plural = "alert deliveries"
        default_permissions = ("view",)
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(fields=("alert", "channel"), name="alertdelivery_once_a_channel"),
            one_of("channel", Channel.values),
            one_of("state", DeliveryState.values),
        )
        indexes = (models.Index(fields=("due_at",), condition=models.Q(state="pending"), name="alertdelivery_due"),)

    def __str__(self) -> str:
        return f"{self.get_channel_display()} of alert {self.alert_id} ({self.state})"
