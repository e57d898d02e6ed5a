"""Signals in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from watchlist import services
from watchlist.admin.forms import ContractForm, moment, report, rupees
from watchlist.models import Signal, Status
from watchlist.models.signals import SignalQuerySet

BY_HAND = "-"


class ByStrategy(admin.SimpleListFilter):
    """Those that a person made have no strategy: a choice of its own, with words to click on."""

    title = "strategy"
    parameter_name = "strategy"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        known = Signal.objects.exclude(strategy="").order_by("strategy").values_list("strategy", flat=True).distinct()
        return [*((name, name) for name in known), (BY_HAND, "by hand")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        return queryset.filter(strategy="" if chosen == BY_HAND else chosen) if chosen else queryset


@admin.register(Signal)
class SignalAdmin(admin.ModelAdmin[Signal]):
    """Signals are decided on with the actions; their terms can be changed as long as they are pending."""

    form = ContractForm
    list_display = (
        "symbol",
        "exchange",
        "signal_type",
        "shown_status",
        "strategy",
        "proposed_at",
        "sure",
        "made",
        "ends",
    )
    list_filter = ("status", "signal_type", ByStrategy, "created_at", "exchange")
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
                "description": "They can be changed as long as the signal is pending.",
            },
        ),
        ("What became of it", {"fields": ("order_id", ("created_at", "approved_at", "executed_at"), "extras")}),
    )
    date_hierarchy = "created_at"
    actions = ("approve", "reject")

    @admin.display(description="status", ordering="status")
    def shown_status(self, signal: Signal) -> str:
        return (
            f"{signal.get_status_display()}, too late to approve" if signal.is_late() else signal.get_status_display()
        )

    @admin.display(description="price", ordering="price")
    def proposed_at(self, signal: Signal) -> str:
        return "-" if signal.price is None else rupees(signal.price)

    @admin.display(description="confidence", ordering="confidence")
    def sure(self, signal: Signal) -> str:
        return "-" if signal.confidence is None else f"{signal.confidence:.0%}"

    @admin.display(description="made", ordering="created_at")
    def made(self, signal: Signal) -> str:
        return moment(signal.created_at)

    @admin.display(description="expires", ordering="expires_at")
    def ends(self, signal: Signal) -> str:
        return moment(signal.expires_at) if signal.expires_at else "-"

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
