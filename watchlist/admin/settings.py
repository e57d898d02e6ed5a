"""Trading settings in the admin."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from watchlist.admin.forms import moment
from watchlist.models import TradingSetting
from watchlist.models.kinds import LONGEST_TEXT, Kind

MAY_HOLD: Mapping[str, str] = {
    Kind.BOOLEAN: "true or false.",
    Kind.INTEGER: "A whole number, 0 or more; the description says of what.",
    Kind.DECIMAL: "A number, 0 or more; the description says of what.",
    Kind.FRACTION: "From 0 to 1: 0.05 is 5 %.",
    Kind.TEXT: f"Any text, {LONGEST_TEXT} characters at the most.",
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
        return moment(setting.updated_at)

    def get_form(
        self, request: HttpRequest, obj: TradingSetting | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm[TradingSetting]]:
        """The value's help says what its kind may hold."""
        if obj and obj.kind in MAY_HOLD:
            kwargs["help_texts"] = {"value": MAY_HOLD[obj.kind]}
        return super().get_form(request, obj, change, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: TradingSetting | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, *(("key", "kind") if obj else ()))

    def has_delete_permission(self, request: HttpRequest, obj: TradingSetting | None = None) -> bool:
        return False  # programs ask for settings by name
