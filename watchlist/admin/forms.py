"""What the pages of this app share: a form that knows the broker's contracts, how things are written."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils import timezone

from broker.errors import BrokerError
from watchlist import market

CONTRACT = ("symbol", "exchange")


class ContractForm(forms.ModelForm[Any]):
    """Looks a new symbol up in the broker's contract file."""

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = self.cleaned_data
        if all(cleaned.get(name) for name in CONTRACT) and any(name in self.changed_data for name in CONTRACT):
            try:
                cleaned["symbol"] = market.canonical_symbol(cleaned["symbol"], cleaned["exchange"])
            except BrokerError as error:
                self.add_error("symbol", str(error))
        return cleaned


def report(page: admin.ModelAdmin[Any], request: HttpRequest, done: int, of: int, what: str) -> None:
    skipped = of - done
    text = f"{done} {what}, {skipped} skipped." if skipped else f"{done} {what}."
    page.message_user(request, text, messages.WARNING if skipped else messages.SUCCESS)


def moment(at: datetime) -> str:
    """Short enough for a list: with the time in this year, with the year in another."""
    local, now = timezone.localtime(at), timezone.localtime()
    return f"{local:%-d %b, %H:%M}" if local.year == now.year else f"{local:%-d %b %Y}"


def rupees(amount: Decimal) -> str:
    """Two places, or as many as there are: currency pairs are quoted to four."""
    whole, _, places = f"{amount.normalize():,f}".partition(".")
    return f"{whole}.{places:0<2}"
