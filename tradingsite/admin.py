"""Attempts to log in, in the admin."""

from django.contrib import admin
from django.http import HttpRequest

from tradingsite.models import LoginAttempt


@admin.register(LoginAttempt)
class LoginAttemptAdmin(admin.ModelAdmin[LoginAttempt]):
    """Shows login attempts and their addresses; deleting failed ones unlocks a user."""

    list_display = ("at", "who", "network", "succeeded")
    list_filter = ("succeeded", "at", "user")
    search_fields = ("user__username", "network")
    search_help_text = "Part of a user's name or of an address"
    date_hierarchy = "at"
    fields = ("at", "who", "network", "succeeded")

    @admin.display(description="user", ordering="user")
    def who(self, attempt: LoginAttempt) -> str:
        return str(attempt.user or "an unknown name")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: LoginAttempt | None = None) -> bool:
        return False
