"""Trading settings in the admin."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from watchlist.admin.forms import short_time
from watchlist.models import TradingSetting
from watchlist.models.kinds import MAX_TEXT_LENGTH, Kind

HELP_BY_KIND: Mapping[str, str] = {
    Kind.BOOLEAN: "true or false.",
    Kind.INTEGER: "A whole number, 0 or more; see the description for its unit.",
    Kind.DECIMAL: "A number, 0 or more; see the description for its unit.",
    Kind.FRACTION: "From 0 to 1: 0.05 is 5 %.",
    Kind.TEXT: f"Any text, at most {MAX_TEXT_LENGTH} characters.",
}


@admin.register(TradingSetting)
class TradingSettingAdmin(admin.ModelAdmin[TradingSetting]):
    list_display = ("key", "value", "description", "kind", "changed")
    list_filter = ("kind",)
    search_fields = ("key", "description")
    search_help_text = "Part of a key or a description"
    fields = ("key", "kind", "value", "description", "updated_at")
    readonly_fields = ("updated_at",)

    @admin.display(description="changed", ordering="updated_at")
    def changed(self, setting: TradingSetting) -> str:
        return short_time(setting.updated_at)

    def get_form(
        self, request: HttpRequest, obj: TradingSetting | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm[TradingSetting]]:
        """Let the help text of the value describe its kind."""
        if obj and obj.kind in HELP_BY_KIND:
            kwargs["help_texts"] = {"value": HELP_BY_KIND[obj.kind]}
        return super().get_form(request, obj, change, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: TradingSetting | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, *(("key", "kind") if obj else ()))

    def has_delete_permission(self, request: HttpRequest, obj: TradingSetting | None = None) -> bool:
        return False  # programs read settings by name
