"""Trading signals: proposals to buy, sell or exit, and their status."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from watchlist.models.bulk_writes import NotifyingQuerySet
from watchlist.models.columns import (
    above_zero,
    between,
    exchange_column,
    known_exchange,
    not_empty,
    one_of,
    rupees_column,
    symbol_column,
)
from watchlist.models.extras import storable_object

DUPLICATE_MESSAGE = "The strategy has a pending signal of this type for this symbol already."

# A strategy that runs again does not repeat its proposal; people may.
PENDING_ONCE = models.UniqueConstraint(
    fields=("exchange", "symbol", "signal_type", "strategy"),
    condition=models.Q(status="pending") & ~models.Q(strategy=""),
    name="signal_pending_once",
    violation_error_message=DUPLICATE_MESSAGE,
)


class SignalType(models.TextChoices):
    BUY = "buy", "Buy"
    SELL = "sell", "Sell"
    EXIT = "exit", "Exit"


class Status(models.TextChoices):
    PENDING = "pending", "Pending"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    EXECUTED = "executed", "Executed"
    EXPIRED = "expired", "Expired"
    FAILED = "failed", "Failed"


# The statuses from which a signal may change to this one; a status that is in none of the sets is final.
ALLOWED_FROM: Mapping[str, frozenset[Status]] = {
    Status.PENDING: frozenset(),
    Status.APPROVED: frozenset({Status.PENDING}),
    Status.REJECTED: frozenset({Status.PENDING}),
    Status.EXPIRED: frozenset({Status.PENDING, Status.APPROVED}),
    Status.EXECUTED: frozenset({Status.APPROVED}),
    Status.FAILED: frozenset({Status.APPROVED}),
}
TIMESTAMP_FIELDS: Mapping[str, str] = {Status.APPROVED: "approved_at", Status.EXECUTED: "executed_at"}


class SignalQuerySet(NotifyingQuerySet["Signal"]):
    def recent(self, limit: int) -> Self:
        return self.order_by("-created_at", "-pk")[:limit]

    def transition_to(self, status: str) -> int:
        """Change the status of those signals that allow it; return how many.

        A single UPDATE tests and sets, so that of two concurrent decisions only one takes effect.
        """
        now = timezone.now()
        allowed = self.filter(status__in=ALLOWED_FROM[status])
        if status == Status.APPROVED:
            allowed = allowed.exclude(expires_at__lte=now)
        timestamp = {TIMESTAMP_FIELDS[status]: now} if status in TIMESTAMP_FIELDS else {}
        return allowed.update(status=status, **timestamp)

    def expire_overdue(self) -> int:
        """Expire the pending signals whose time is over."""
        return self.filter(status=Status.PENDING, expires_at__lte=timezone.now()).transition_to(Status.EXPIRED)


class Signal(models.Model):
    """A proposal by a strategy or a person; it is pending until it is approved, rejected or expired."""

    symbol = symbol_column()
    exchange = exchange_column()
    signal_type = models.CharField("type", max_length=4, choices=SignalType)
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    strategy = models.CharField(max_length=40, blank=True, help_text="What proposed it; empty when a person did.")
    reason = models.TextField(blank=True, max_length=2000, help_text="Why, in a sentence.")
    quantity = models.PositiveIntegerField(
        null=True,
        blank=True,
        # SQLite would take more than PostgreSQL's column holds.
        validators=[MinValueValidator(1), MaxValueValidator(2**31 - 1)],
        help_text="Shares or units; empty when undecided.",
    )
    price = rupees_column("The price that it was proposed at, in rupees.")
    stop_loss = rupees_column("Where a loss is cut, in rupees.")
    take_profit = rupees_column("Where a profit is taken, in rupees.")
    margin_required = rupees_column("Funds that the order would bind, in rupees.")
    confidence = models.DecimalField(
        max_digits=5,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(1))],
        help_text="From 0 to 1.",
    )
    expires_at = models.DateTimeField(null=True, blank=True, help_text="It cannot be approved after this.")
    created_at = models.DateTimeField(auto_now_add=True)
    approved_at = models.DateTimeField(null=True, blank=True, editable=False)
    executed_at = models.DateTimeField(null=True, blank=True, editable=False)
    order_id = models.CharField(max_length=64, blank=True, help_text="The broker's number of the order it led to.")
    extras = models.JSONField(
        default=dict,
        blank=True,
        validators=[storable_object],
        help_text="What else there is to know, as a JSON object.",
    )

    objects = SignalQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")
        constraints = (
            PENDING_ONCE,
            not_empty("symbol"),
            known_exchange(),
            one_of("signal_type", SignalType.values),
            one_of("status", Status.values),
            above_zero("quantity"),
            above_zero("price"),
            above_zero("stop_loss"),
            above_zero("take_profit"),
            above_zero("margin_required"),
            between("confidence", 0, 1),
        )
        indexes = (
            models.Index(fields=("-created_at", "-id"), name="signal_recent"),
            models.Index(fields=("status", "-created_at", "-id"), name="signal_status_recent"),
        )

    def __str__(self) -> str:
        return f"{self.get_signal_type_display()} {self.symbol} on {self.exchange} ({self.get_status_display()})"

    def clean(self) -> None:
        self.extras = self.extras or {}  # validators skip empty values, and a form may send []
        # A form without the status, such as the admin's, skips constraints that depend on it.
        PENDING_ONCE.validate(Signal, self)

    def is_late(self) -> bool:
        """Whether the signal is still pending although its time is over."""
        return self.status == Status.PENDING and self.expires_at is not None and self.expires_at <= timezone.now()
