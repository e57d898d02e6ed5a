"""The keys in Redis: a tree of namespaces, a page of keys at a time, and one key with its value."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from systemcache import clock
from systemcache.errors import StoreUnavailable
from systemcache.operations import key_browser, key_inspection
from systemcache.operations.key_inspection import StoredKey

MAX_VALUE_CHARS = 20_000
MAX_KEY_LENGTH = 400
MAX_CURSOR = 2**64 - 1


class PatternForm(forms.Form):
    pattern = forms.CharField(
        required=False,
        max_length=200,
        label="Keys that match",
        help_text="* matches anything, ? one character: api:candles:RELIANCE:*",
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off", "spellcheck": "false"}),
    )
    cursor = forms.IntegerField(required=False, min_value=0, max_value=MAX_CURSOR, widget=forms.HiddenInput)


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key in a list: `age` is seconds since its load began, `expires_in` seconds until Redis removes it."""

    stored: StoredKey
    age: float | None
    expires_in: float


def key_row(stored: StoredKey) -> KeyRow:
    age = max(0.0, (clock.now() - stored.created).total_seconds()) if stored.created else None
    return KeyRow(stored, age, stored.current.expires_in if stored.current else 0)


@require_safe
def keys_view(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Show the namespaces, or with ?pattern= one page of keys. A request never reads more keys than one page."""
    form = PatternForm(request.GET)
    pattern = form.cleaned_data["pattern"] if form.is_valid() else ""
    context |= {"title": "Keys", "form": form, "pattern": pattern}
    try:
        if pattern:
            page = key_browser.page(pattern, form.cleaned_data["cursor"] or 0)
            context |= {"page": page, "rows": [key_row(stored) for stored in page.keys]}
        else:
            context["namespaces"] = key_browser.namespaces()
    except StoreUnavailable as error:
        context["problem"] = str(error)
    return TemplateResponse(request, "admin/systemcache/cache/keys.html", context)


@require_safe
def key_view(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Show the key in ?key= with its tags and, to those with its family's permission, its value.

    A key of a secret family answers 404, as if it did not exist.
    """
    key = request.GET.get("key", "")[:MAX_KEY_LENGTH]
    context |= {"title": "Key", "subtitle": None, "key": key, "breadcrumbs": breadcrumbs(key)}
    try:
        stored = None if key_browser.is_secret(key) else key_inspection.inspect([key])[0]
        if stored and stored.current:
            permission = stored.family.permission if stored.family else ""
            context |= {"row": key_row(stored), "stored": stored}
            if permission and not request.user.has_perm(permission):
                context["missing_permission"] = permission
            else:
                context["value"] = key_inspection.preview_value(stored, MAX_VALUE_CHARS)
    except StoreUnavailable as error:
        context["problem"] = str(error)
    status = 200 if "stored" in context or "problem" in context else 404
    return TemplateResponse(request, "admin/systemcache/cache/key.html", context, status=status)


def breadcrumbs(key: str) -> list[tuple[str, str]]:
    """The namespaces above a key, each with its pattern: api → api:*, api:quotes → api:quotes:*."""
    parts = key.split(":")
    return [(part, ":".join(parts[: at + 1]) + ":*") for at, part in enumerate(parts[:-1])]
