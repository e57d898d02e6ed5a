"""Watched symbols."""

from typing import Self

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from watchlist.models.bulk_writes import NotifyingQuerySet
from watchlist.models.columns import (
    above_zero,
    exchange_column,
    known_exchange,
    not_empty,
    one_of,
    rupees_column,
    symbol_column,
)

ALL = "all"
DUPLICATE_MESSAGE = "This symbol is in this category already."


class Category(models.TextChoices):
    LONG_TERM = "long_term", "Long term"
    SHORT_TERM = "short_term", "Short term"
    DAY_TRADING = "day_trading", "Day trading"
    HOLD = "hold", "Hold"


class WatchlistItemQuerySet(NotifyingQuerySet["WatchlistItem"]):
    def matching(self, active: str, category: str) -> Self:
        """Filter by `active`, which is true, false or all, and by `category`, a Category or all."""
        items = self if active == ALL else self.filter(is_active=active == "true")
        return items if category == ALL else items.filter(category=category)

    def set_active(self, active: bool) -> int:
        """Activate or deactivate items; return how many changed."""
        return self.exclude(is_active=active).update(is_active=active, updated_at=timezone.now())

    def move_to(self, category: str) -> int:
        """Return how many moved. An item stays where it is if its symbol is already in that category."""
        return sum(self._move(pk, category) for pk in self.exclude(category=category).values_list("pk", flat=True))

    def _move(self, pk: int, category: str) -> int:
        try:
            with transaction.atomic(using=self.db):
                return self.filter(pk=pk).update(category=category, updated_at=timezone.now())
        except IntegrityError:
            return 0


class WatchlistItem(models.Model):
    """A watched symbol; it may be in several categories, once in each."""

    symbol = symbol_column()
    exchange = exchange_column()
    category = models.CharField(
        max_length=20, choices=Category, default=Category.SHORT_TERM, help_text="How long it is meant to be kept."
    )
    is_active = models.BooleanField(
        "active", default=True, help_text="Switch off what you want to keep on file but not to see."
    )
    notes = models.TextField(blank=True, max_length=2000, help_text="Why it is watched.")
    target_price = rupees_column("The price that is waited for, in rupees.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = WatchlistItemQuerySet.as_manager()

    class Meta:
        ordering = ("symbol", "exchange", "category")
        constraints = (
            models.UniqueConstraint(
                fields=("exchange", "symbol", "category"),
                name="watchlistitem_once_in_category",
                violation_error_message=DUPLICATE_MESSAGE,
            ),
            not_empty("symbol"),
            known_exchange(),
            one_of("category", Category.values),
            above_zero("target_price"),
        )
        indexes = (
            models.Index(fields=("is_active", "symbol"), name="watchlistitem_active"),
            models.Index(fields=("category", "is_active", "symbol"), name="watchlistitem_category"),
        )

    def __str__(self) -> str:
        return f"{self.symbol} on {self.exchange} ({self.get_category_display()})"
