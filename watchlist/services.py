"""Writes that touch several rows or several models."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.shortcuts import get_object_or_404

from systemcache.per_view.validation import unknown_names
from watchlist.models import Category, Signal, Status, TradingSetting, WatchlistItem

M = TypeVar("M", bound=models.Model)

# What was approved is what is executed, so these cannot change once a signal is no longer pending.
FROZEN_FIELDS = ("symbol", "exchange", "signal_type", "quantity", "price", "stop_loss", "take_profit")
SAMPLE: Mapping[str, tuple[str, ...]] = {
    Category.LONG_TERM: ("RELIANCE", "TCS", "HDFCBANK", "HINDUNILVR"),
    Category.SHORT_TERM: ("INFY", "ICICIBANK", "LT"),
    Category.DAY_TRADING: ("SBIN", "BAJFINANCE"),
    Category.HOLD: ("ITC",),
}


@dataclass(frozen=True, slots=True)
class AddResult:
    """How many symbols were added, and how many were already on the list."""

    added: int
    existing: int


@transaction.atomic
def add_symbols(*, symbols: Iterable[str], category: str, exchange: str) -> AddResult:
    """Add canonical symbols to a category; existing items, active or not, stay as they are."""
    unique = dict.fromkeys(symbols)
    in_category = WatchlistItem.objects.filter(exchange=exchange, category=category)
    existing = set(in_category.filter(symbol__in=unique).values_list("symbol", flat=True))
    items = [
        WatchlistItem(symbol=symbol, exchange=exchange, category=category)
        for symbol in unique
        if symbol not in existing
    ]
    # Another process may add some of them concurrently, which is not an error.
    WatchlistItem.objects.bulk_create(items, ignore_conflicts=True)
    return AddResult(len(items), len(existing))


@transaction.atomic
def add_sample() -> int:
    """Add ten well-known shares to an empty list, without calling the broker; return how many."""
    if WatchlistItem.objects.exists():
        return 0
    items = [WatchlistItem(symbol=symbol, category=category) for category, some in SAMPLE.items() for symbol in some]
    return len(WatchlistItem.objects.bulk_create(items))


@transaction.atomic
def change_item(*, item: WatchlistItem, changes: Mapping[str, Any]) -> WatchlistItem:
    """Change the item's current row, so that concurrent changes are not undone."""
    current = _lock(item)
    _assign(current, changes)
    current.save()
    return current


@transaction.atomic
def change_signal(*, signal: Signal, changes: Mapping[str, Any]) -> Signal:
    """Change a signal. Raises ValidationError for a status that cannot follow, and for new terms after the decision."""
    current = _lock(signal)
    terms = {name: value for name, value in changes.items() if name != "status"}
    _check_frozen_fields(current, terms)
    _assign(current, terms)
    current.save()
    status = changes.get("status", current.status)
    if status != current.status:
        if not Signal.objects.filter(pk=current.pk).transition_to(status):
            late = " (its time is over)" if current.is_late() else ""
            raise ValidationError({"status": f"A signal that is {current.status}{late} cannot become {status}."})
        current.refresh_from_db()
    return current


def _check_frozen_fields(signal: Signal, terms: Mapping[str, Any]) -> None:
    if signal.status == Status.PENDING:
        return
    changed = [name for name in FROZEN_FIELDS if name in terms and terms[name] != getattr(signal, name)]
    if changed:
        message = f"This cannot be changed any more: the signal is {signal.status}."
        raise ValidationError(dict.fromkeys(changed, message))


@transaction.atomic
def change_settings(*, values: Mapping[str, object]) -> None:
    """Change all settings or none. Raises ValidationError with a message for each unknown key and each wrong value."""
    settings = {setting.key: setting for setting in TradingSetting.objects.select_for_update()}
    errors = unknown_names(values, settings, "setting")
    for key in (key for key in values if key in settings):
        try:
            settings[key].assign(values[key])
        except ValidationError as error:
            errors[key] = error.messages
    if errors:
        raise ValidationError(errors)
    for key in values:
        settings[key].save()


def _lock(row: M) -> M:
    return get_object_or_404(type(row)._default_manager.select_for_update(), pk=row.pk)


def _assign(row: models.Model, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)
