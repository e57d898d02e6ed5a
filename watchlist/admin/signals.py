"""Signals in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from broker import money
from watchlist import services
from watchlist.admin.forms import ContractForm, report_count, short_time
from watchlist.models import Signal, Status
from watchlist.models.signals import SignalQuerySet

MANUAL = "-"


class StrategyFilter(admin.SimpleListFilter):
    """Filters by strategy; signals made by hand, which have none, get a choice of their own."""

    title = "strategy"
    parameter_name = "strategy"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        known = Signal.objects.exclude(strategy="").order_by("strategy").values_list("strategy", flat=True).distinct()
        return [*((name, name) for name in known), (MANUAL, "by hand")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        return queryset.filter(strategy="" if chosen == MANUAL else chosen) if chosen else queryset


@admin.register(Signal)
class SignalAdmin(admin.ModelAdmin[Signal]):
    """Signals are approved and rejected with actions; their terms can be changed while they are pending."""

    form = ContractForm
    list_display = (
        "symbol",
        "exchange",
        "signal_type",
        "current_status",
        "strategy",
        "proposed_price",
        "confidence_percent",
        "created",
        "expires",
    )
    list_filter = ("status", "signal_type", StrategyFilter, "created_at", "exchange")
    search_fields = ("symbol", "strategy", "reason", "order_id")
    search_help_text = "Part of a symbol, a strategy, a reason or an order's number"
    list_per_page = 50
    readonly_fields = ("status", "created_at", "approved_at", "executed_at")
    fieldsets = (
        (None, {"fields": (("symbol", "exchange"), ("signal_type", "status"), ("strategy", "confidence"), "reason")}),
        (
            "Terms",
            {
                "fields": (("quantity", "price"), ("stop_loss", "take_profit"), "margin_required", "expires_at"),
                "description": "They can be changed while the signal is pending.",
            },
        ),
        ("Outcome", {"fields": ("order_id", ("created_at", "approved_at", "executed_at"), "extras")}),
    )
    date_hierarchy = "created_at"
    actions = ("approve", "reject")

    @admin.display(description="status", ordering="status")
    def current_status(self, signal: Signal) -> str:
        status = signal.get_status_display()
        return f"{status}, too late to approve" if signal.is_late() else status

    @admin.display(description="price", ordering="price")
    def proposed_price(self, signal: Signal) -> str:
        return "-" if signal.price is None else money.grouped(money.price(signal.price))

    @admin.display(description="confidence", ordering="confidence")
    def confidence_percent(self, signal: Signal) -> str:
        return "-" if signal.confidence is None else f"{signal.confidence:.0%}"

    @admin.display(description="created", ordering="created_at")
    def created(self, signal: Signal) -> str:
        return short_time(signal.created_at)

    @admin.display(description="expires", ordering="expires_at")
    def expires(self, signal: Signal) -> str:
        return short_time(signal.expires_at) if signal.expires_at else "-"

    def get_readonly_fields(self, request: HttpRequest, obj: Signal | None = None) -> tuple[str, ...]:
        frozen = services.FROZEN_FIELDS if obj and obj.status != Status.PENDING else ()
        return (*self.readonly_fields, *frozen)

    @admin.action(description="Approve selected signals", permissions=["change"])
    def approve(self, request: HttpRequest, chosen: SignalQuerySet) -> None:
        self._decide(request, chosen, Status.APPROVED)
        self.message_user(request, "Approving places no order: place it yourself, at POST /api/broker/orders.")

    @admin.action(description="Reject selected signals", permissions=["change"])
    def reject(self, request: HttpRequest, chosen: SignalQuerySet) -> None:
        self._decide(request, chosen, Status.REJECTED)

    def _decide(self, request: HttpRequest, chosen: SignalQuerySet, status: Status) -> None:
        # Count first, because a list filtered by status is empty afterwards.
        selected = chosen.count()
        report_count(self, request, chosen.transition_to(status), selected, status.label.lower())
