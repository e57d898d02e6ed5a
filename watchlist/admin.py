"""Watchlist, signals and settings in the admin."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest

from broker.errors import BrokerError
from watchlist import market, services
from watchlist.models import Category, Signal, Status, TradingSetting, WatchlistItem
from watchlist.models.items import WatchlistItemQuerySet
from watchlist.models.signals import SignalQuerySet

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


@admin.register(WatchlistItem)
class WatchlistItemAdmin(admin.ModelAdmin[WatchlistItem]):
    form = ContractForm
    list_display = ("symbol", "exchange", "category", "is_active", "target_price", "updated_at")
    list_editable = ("is_active", "target_price")
    list_filter = ("is_active", "category", "exchange")
    search_fields = ("symbol", "notes")
    readonly_fields = ("created_at", "updated_at")
    actions = (
        "switch_on",
        "switch_off",
        "move_to_long_term",
        "move_to_short_term",
        "move_to_day_trading",
        "move_to_hold",
    )

    @admin.action(description="Activate selected symbols", permissions=["change"])
    def switch_on(self, request: HttpRequest, chosen: WatchlistItemQuerySet) -> None:
        self.message_user(request, f"{chosen.switch(True)} activated.", messages.SUCCESS)

    @admin.action(description="Deactivate selected symbols", permissions=["change"])
    def switch_off(self, request: HttpRequest, chosen: WatchlistItemQuerySet) -> None:
        self.message_user(request, f"{chosen.switch(False)} deactivated.", messages.SUCCESS)

    @admin.action(description="Move to long term", permissions=["change"])
    def move_to_long_term(self, request: HttpRequest, chosen: WatchlistItemQuerySet) -> None:
        self._move(request, chosen, Category.LONG_TERM)

    @admin.action(description="Move to short term", permissions=["change"])
    def move_to_short_term(self, request: HttpRequest, chosen: WatchlistItemQuerySet) -> None:
        self._move(request, chosen, Category.SHORT_TERM)

    @admin.action(description="Move to day trading", permissions=["change"])
    def move_to_day_trading(self, request: HttpRequest, chosen: WatchlistItemQuerySet) -> None:
        self._move(request, chosen, Category.DAY_TRADING)

    @admin.action(description="Move to hold", permissions=["change"])
    def move_to_hold(self, request: HttpRequest, chosen: WatchlistItemQuerySet) -> None:
        self._move(request, chosen, Category.HOLD)

    def _move(self, request: HttpRequest, chosen: WatchlistItemQuerySet, category: Category) -> None:
        number = chosen.count()
        report(self, request, chosen.move_to(category), number, f"moved to {category.label.lower()}")


@admin.register(Signal)
class SignalAdmin(admin.ModelAdmin[Signal]):
    """Signals are decided on with the actions; their terms can be changed as long as they are pending."""

    form = ContractForm
    list_display = ("symbol", "signal_type", "status", "strategy", "price", "confidence", "expires_at", "created_at")
    list_filter = ("status", "signal_type", "strategy", "exchange")
    search_fields = ("symbol", "strategy", "reason", "order_id")
    readonly_fields = ("status", "created_at", "approved_at", "executed_at")
    date_hierarchy = "created_at"
    actions = ("approve", "reject")

    def get_readonly_fields(self, request: HttpRequest, obj: Signal | None = None) -> tuple[str, ...]:
        settled = services.TERMS if obj and obj.status != Status.PENDING else ()
        return (*self.readonly_fields, *settled)

    @admin.action(description="Approve selected signals", permissions=["change"])
    def approve(self, request: HttpRequest, chosen: SignalQuerySet) -> None:
        self._decide(request, chosen, Status.APPROVED)

    @admin.action(description="Reject selected signals", permissions=["change"])
    def reject(self, request: HttpRequest, chosen: SignalQuerySet) -> None:
        self._decide(request, chosen, Status.REJECTED)

    def _decide(self, request: HttpRequest, chosen: SignalQuerySet, status: Status) -> None:
        # Counted first: a list that is filtered by status is empty once all have moved on.
        number = chosen.count()
        report(self, request, chosen.become(status), number, status.label.lower())


@admin.register(TradingSetting)
class TradingSettingAdmin(admin.ModelAdmin[TradingSetting]):
    list_display = ("key", "value", "kind", "description", "updated_at")
    list_filter = ("kind",)
    search_fields = ("key", "description")
    readonly_fields = ("updated_at",)

    def get_readonly_fields(self, request: HttpRequest, obj: TradingSetting | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, *(("key", "kind") if obj else ()))

    def has_delete_permission(self, request: HttpRequest, obj: TradingSetting | None = None) -> bool:
        return False  # programs ask for settings by name


def report(page: admin.ModelAdmin[Any], request: HttpRequest, done: int, of: int, what: str) -> None:
    skipped = of - done
    text = f"{done} {what}, {skipped} skipped." if skipped else f"{done} {what}."
    page.message_user(request, text, messages.WARNING if skipped else messages.SUCCESS)
