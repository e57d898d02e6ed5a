"""API tokens in the admin: made, shown once, and revoked."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from systemcache.models import ApiToken

SECRET_COLUMNS = ("digest", "password_mark")


class ApiTokenForm(forms.ModelForm[ApiToken]):
    days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=ApiToken.MAX_DAYS,
        help_text="How long it is good for; empty: it does not expire.",
    )

    class Meta:
        model = ApiToken
        fields = ("user", "name", "scope")


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin[ApiToken]):
    """A token is made for oneself, by superusers for anybody; deleting it revokes it at once."""

    form = ApiTokenForm
    list_display = ("name", "user", "scope", "created_at", "expires_at", "last_used_at", "state")
    list_filter = ("scope", "user")
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    search_help_text = "Part of a token's name or its user's name"

    @admin.display(description="state")
    def state(self, token: ApiToken) -> str:
        return token.ended or "good"

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> tuple[str, ...]:
        if obj is not None:
            return ("user", "name", "scope", "created_at", "expires_at", "last_used_at", "state")
        return ("user", "name", "scope", "days") if request.user.is_superuser else ("name", "scope", "days")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"user": request.user.pk, **super().get_changeform_initial_data(request)}

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return not lookup.startswith(SECRET_COLUMNS) and super().lookup_allowed(lookup, value, request)

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        if not request.user.is_superuser:
            obj.user = request.user  # type: ignore[assignment]  # the admin's pages are for people who are logged in
        obj.make_key(form.cleaned_data["days"])
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None) -> HttpResponse:
        """Show the token in the response to the POST: a page of its own could be opened again from the history."""
        context = {**self.admin_site.each_context(request), "title": "API token", "opts": self.opts, "token": obj}
        return TemplateResponse(request, "admin/systemcache/apitoken/made.html", context)
