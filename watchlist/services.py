"""Writes that touch several rows or several models."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.shortcuts import get_object_or_404

from watchlist.models import Category, Signal, Status, TradingSetting, WatchlistItem

M = TypeVar("M", bound=models.Model)

# What is approved is what is carried out: these are settled once a signal is no longer pending.
TERMS = ("symbol", "exchange", "signal_type", "quantity", "price", "stop_loss", "take_profit")
SAMPLE: Mapping[str, tuple[str, ...]] = {
    Category.LONG_TERM: ("RELIANCE", "TCS", "HDFCBANK", "HINDUNILVR"),
    Category.SHORT_TERM: ("INFY", "ICICIBANK", "LT"),
    Category.DAY_TRADING: ("SBIN", "BAJFINANCE"),
    Category.HOLD: ("ITC",),
}


@dataclass(frozen=True, slots=True)
class Added:
    """How many symbols were put on the list, and how many stood on it already."""

    added: int
    there: int


@transaction.atomic
def add_symbols(*, symbols: Iterable[str], category: str, exchange: str) -> Added:
    """Adds canonical symbols to a category; items that are there, switched off or not, are left as they are."""
    wanted = dict.fromkeys(symbols)
    there = set(
        WatchlistItem.objects.filter(exchange=exchange, category=category, symbol__in=wanted).values_list(
            "symbol", flat=True
        )
    )
    items = [
        WatchlistItem(symbol=symbol, exchange=exchange, category=category) for symbol in wanted if symbol not in there
    ]
    # Another process may add one of them meanwhile: that is no error.
    WatchlistItem.objects.bulk_create(items, ignore_conflicts=True)
    return Added(len(items), len(there))


@transaction.atomic
def add_sample() -> int:
    """Puts ten well-known shares on a list that is empty; returns how many. Does not ask the broker."""
    if WatchlistItem.objects.exists():
        return 0
    items = [WatchlistItem(symbol=symbol, category=category) for category, some in SAMPLE.items() for symbol in some]
    return len(WatchlistItem.objects.bulk_create(items))


@transaction.atomic
def change_item(*, item: WatchlistItem, changes: Mapping[str, Any]) -> WatchlistItem:
    """Changes the item as it is now, which is not always as it was read: nobody else's change is undone."""
    current = _locked(item)
    _set(current, changes)
    current.save()
    return current


@transaction.atomic
def change_signal(*, signal: Signal, changes: Mapping[str, Any]) -> Signal:
    """Raises ValidationError for a status that cannot follow, and for new terms of a signal that was decided on."""
    current = _locked(signal)
    terms = {name: value for name, value in changes.items() if name != "status"}
    _refuse_new_terms(current, terms)
    _set(current, terms)
    current.save()
    status = changes.get("status", current.status)
    if status != current.status:
        _move_on(current, status)
    return current


def _refuse_new_terms(signal: Signal, terms: Mapping[str, Any]) -> None:
    if signal.status == Status.PENDING:
        return
    changed = [name for name in TERMS if name in terms and terms[name] != getattr(signal, name)]
    if changed:
        message = f"This cannot change any more: the signal is {signal.status}."
        raise ValidationError(dict.fromkeys(changed, message))


def _move_on(signal: Signal, status: str) -> None:
    if not Signal.objects.filter(pk=signal.pk).become(status):
        late = " (its time is over)" if signal.is_late() else ""
        raise ValidationError({"status": f"A signal that is {signal.status}{late} cannot become {status}."})
    signal.refresh_from_db()


@transaction.atomic
def change_settings(*, values: Mapping[str, object]) -> None:
    """All or nothing. Raises ValidationError with a message for each key that is unknown or was given a wrong value."""
    settings = {setting.key: setting for setting in TradingSetting.objects.select_for_update()}
    errors: dict[str, list[str]] = {}
    for key, value in values.items():
        try:
            settings[key].assign(value)
        except KeyError:
            # A key from JSON may hold half a character, which no answer could name.
            errors[key.encode("ascii", "backslashreplace").decode()] = ["There is no such setting."]
        except ValidationError as error:
            errors[key] = error.messages
    if errors:
        raise ValidationError(errors)
    for key in values:
        settings[key].save()


def _locked(row: M) -> M:
    return get_object_or_404(type(row)._default_manager.select_for_update(), pk=row.pk)


def _set(row: models.Model, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)
