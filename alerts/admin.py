"""Price alerts in the admin. They are made on the site's page or by the API, which look up the contract."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from alerts.models import AlertDelivery, PriceAlert
from broker import money
from watchlist.admin.forms import short_time


class AlertDeliveryInline(admin.TabularInline[AlertDelivery, PriceAlert]):
    model = AlertDelivery
    fields = readonly_fields = ("channel", "state", "attempts", "due_at", "ended_at", "last_error")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(PriceAlert)
class PriceAlertAdmin(admin.ModelAdmin[PriceAlert]):
    list_display = ("symbol", "waits_for", "state", "user", "fired", "created", "exchange")
    list_display_links = ("symbol",)
    list_filter = ("state", "kind", "exchange")
    list_select_related = ("user",)
    search_fields = ("symbol", "note", "user__username")
    search_help_text = "Part of a symbol, a note or an owner's name"
    fields = (
        ("symbol", "exchange", "instrument_id"),
        ("kind", "value"),
        "note",
        ("user", "email", "webhook_url"),
        ("state", "armed"),
        ("created_at", "fired_at", "fired_price", "fired_change_percent"),
    )
    inlines = (AlertDeliveryInline,)

    @admin.display(description="alert", ordering="value")
    def waits_for(self, alert: PriceAlert) -> str:
        return alert.condition

    @admin.display(description="created", ordering="created_at")
    def created(self, alert: PriceAlert) -> str:
        return short_time(alert.created_at)

    @admin.display(description="fired", ordering="fired_at")
    def fired(self, alert: PriceAlert) -> str:
        if alert.fired_at is None or alert.fired_price is None:
            return "-"
        return f"{short_time(alert.fired_at)}, at {money.grouped(money.price(alert.fired_price))}"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: PriceAlert | None = None) -> bool:
        return False
