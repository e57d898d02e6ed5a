"""API tokens in the admin. They are made by `manage.py createtoken`."""

from django.contrib import admin
from django.http import HttpRequest

from systemcache.models import ApiToken


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin[ApiToken]):
    list_display = ("name", "user", "created_at")
    list_filter = ("user",)
    search_fields = ("name", "user__username")
    search_help_text = "Part of a token's name or of its user's"
    readonly_fields = ("user", "name", "created_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a page that shows a new token could be read again from a browser's history
