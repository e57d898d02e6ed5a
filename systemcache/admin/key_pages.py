"""The keys in Redis: a tree of namespaces, a page of keys at a time, and one key with its value."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from systemcache import browsing, inspection
from systemcache.errors import StoreUnavailable
from systemcache.fetched import now
from systemcache.inspection import Stored

MOST_SHOWN = 20_000  # characters of a value
LONGEST_KEY = 400
LAST_CURSOR = 2**64 - 1


class PatternForm(forms.Form):
    pattern = forms.CharField(
        required=False,
        max_length=200,
        label="Keys that match",
        help_text="* stands for anything, ? for one character: api:candles:RELIANCE:*",
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off", "spellcheck": "false"}),
    )
    cursor = forms.IntegerField(required=False, min_value=0, max_value=LAST_CURSOR, widget=forms.HiddenInput)


@dataclass(frozen=True, slots=True)
class Line:
    """A key in a list; seconds since its load began, and until it ends."""

    stored: Stored
    age: float | None
    life: float


def line(stored: Stored) -> Line:
    age = max(0.0, (now() - stored.created).total_seconds()) if stored.created else None
    return Line(stored, age, stored.shown.life if stored.shown else 0)


@require_safe
def browse(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """The namespaces, or with ?pattern= a page of keys. One page of keys is all that is ever asked of Redis."""
    form = PatternForm(request.GET)
    pattern = form.cleaned_data["pattern"] if form.is_valid() else ""
    context |= {"title": "Keys", "form": form, "pattern": pattern}
    try:
        if pattern:
            found = browsing.page(pattern, form.cleaned_data["cursor"] or 0)
            context |= {"page": found, "lines": [line(stored) for stored in found.keys]}
        else:
            context["namespaces"] = browsing.namespaces()
    except StoreUnavailable as error:
        context["problem"] = str(error)
    return TemplateResponse(request, "admin/systemcache/cache/keys.html", context)


@require_safe
def one(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """?key=: one key, its value and its tags. What a secret family keeps is as good as not there."""
    key = request.GET.get("key", "")[:LONGEST_KEY]
    context |= {"title": "Key", "subtitle": None, "key": key, "branches": branches(key)}
    try:
        stored = None if browsing.is_secret(key) else inspection.look([key])[0]
        if stored and stored.shown:
            context |= {"line": line(stored), "stored": stored, "value": inspection.value_of(stored, MOST_SHOWN)}
    except StoreUnavailable as error:
        context["problem"] = str(error)
    status = 200 if "stored" in context or "problem" in context else 404
    return TemplateResponse(request, "admin/systemcache/cache/key.html", context, status=status)


def branches(key: str) -> list[tuple[str, str]]:
    """The namespaces above a key, each with its pattern: api → api:*, api:quotes → api:quotes:*."""
    parts = key.split(":")
    return [(part, ":".join(parts[: at + 1]) + ":*") for at, part in enumerate(parts[:-1])]
