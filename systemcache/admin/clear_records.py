"""The record of clears in the admin, read-only."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from systemcache.admin.read_only import ReadOnlyAdmin
from systemcache.models import ClearRecord


@admin.register(ClearRecord)
class ClearRecordAdmin(ReadOnlyAdmin):
    """Shows which user cleared what, and when."""

    list_display = ("when", "by", "what", "values", "duration")
    list_display_links = ("when",)
    list_filter = ("at", "by")
    search_fields = ("by", "what")
    search_help_text = "Part of a pattern, family, tag or user name"
    date_hierarchy = "at"
    list_per_page = 50
    fields = ("when", "by", "what", "values", "duration")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": "Record of clears", **(extra_context or {})})

    @admin.display(ordering="at")
    def when(self, record: ClearRecord) -> str:
        return f"{timezone.localtime(record.at):%-d %b %Y, %H:%M:%S}"

    @admin.display(description="values cleared", ordering="keys")
    def values(self, record: ClearRecord) -> str:
        return f"{record.keys:,}"

    @admin.display(ordering="seconds")
    def duration(self, record: ClearRecord) -> str:
        return f"{record.seconds:.3f} s"
