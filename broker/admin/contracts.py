"""Contracts in the admin: to look at, not to change."""

from typing import Any

from django.contrib import admin
from django.db.models import F, Model, QuerySet
from django.http import HttpRequest

from broker.models import Contract, ContractFile


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(ContractFile)
class ContractFileAdmin(ReadOnlyAdmin):
    list_display = ("file", "rows", "refreshed_at", "size", "seconds", "source")


@admin.register(Contract)
class ContractAdmin(ReadOnlyAdmin):
    """The contracts of the live generation; look-ups and pages see the same."""

    list_display = ("trading_symbol", "exchange", "instrument_id", "name", "instrument_type", "expiry", "strike_price")
    list_filter = ("file", "instrument_type", "option_type", "exchange")
    search_fields = ("trading_symbol", "name", "=instrument_id")
    search_help_text = "Part of a symbol or a name, or an instrument id"
    exclude = ("generation",)
    ordering = ("id",)
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Contract]:
        return Contract.objects.filter(file__generation=F("generation"))
