"""Shared by the admin pages: a form that checks symbols with the broker, and formatting."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils import timezone

from broker.errors import BrokerError
from watchlist import quotes

CONTRACT_FIELDS = ("symbol", "exchange")


class ContractForm(forms.ModelForm[Any]):
    """Looks up a new symbol in the broker's contract file."""

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        if all(cleaned.get(name) for name in CONTRACT_FIELDS) and any(
            name in self.changed_data for name in CONTRACT_FIELDS
        ):
            try:
                cleaned["symbol"] = quotes.canonical_symbol(cleaned["symbol"], cleaned["exchange"])
            except BrokerError as error:
                self.add_error("symbol", str(error))
        return cleaned


def report_count(page: admin.ModelAdmin[Any], request: HttpRequest, changed: int, selected: int, verb: str) -> None:
    skipped = selected - changed
    text = f"{changed} {verb}, {skipped} skipped." if skipped else f"{changed} {verb}."
    page.message_user(request, text, messages.WARNING if skipped else messages.SUCCESS)


def short_time(at: datetime) -> str:
    """Format for a list: with the time in the current year, otherwise with the year."""
    local, now = timezone.localtime(at), timezone.localtime()
    return f"{local:%-d %b, %H:%M}" if local.year == now.year else f"{local:%-d %b %Y}"


def price_time(at: datetime) -> str:
    """Format the time of a price: Fri 15:30, or the date of one that is older than the days of a week."""
    local = timezone.localtime(at)
    is_of_this_week = timezone.localtime().date() - local.date() < timedelta(days=7)
    return f"{local:%a %H:%M}" if is_of_this_week else f"{local:%-d %b %Y}"
