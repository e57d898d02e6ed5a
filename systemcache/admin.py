"""The cache's tables in the admin: API tokens (made by `manage.py createtoken`), and the record of clears."""

from django.contrib import admin
from django.http import HttpRequest

from systemcache.models import ApiToken, ClearRecord


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin[ApiToken]):
    list_display = ("name", "user", "created_at")
    list_filter = ("user",)
    search_fields = ("name", "user__username")
    readonly_fields = ("user", "name", "created_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a page that shows a new token could be read again from a browser's history


@admin.register(ClearRecord)
class ClearRecordAdmin(admin.ModelAdmin[ClearRecord]):
    """Who cleared what: to be read, never changed."""

    list_display = ("at", "by", "what", "keys", "seconds")
    list_filter = ("by",)
    search_fields = ("by", "what")
    date_hierarchy = "at"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ClearRecord | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ClearRecord | None = None) -> bool:
        return False
