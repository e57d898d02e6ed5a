"""Clear the cache by hand: choose what, see how many values that is, confirm. Each clear is recorded."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from systemcache import families
from systemcache.errors import StoreUnavailable, UnknownFamily, UnknownTag
from systemcache.invalidation import clear
from systemcache.invalidation.clear import Target
from systemcache.operations import key_browser

PREVIEW_KEYS = 10
PARTIAL_CLEAR = "The record of clears says how many values were cleared before that."


class ClearForm(forms.Form):
    """Takes exactly one of the three fields; `target` is what it names."""

    pattern = forms.CharField(
        required=False,
        max_length=200,
        label="Keys that match",
        help_text="api:candles:RELIANCE:*, or * for everything",
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off", "spellcheck": "false"}),
    )
    family = forms.CharField(required=False, max_length=60, label="or a family", widget=forms.Select)
    tag = forms.CharField(
        required=False,
        max_length=120,
        label="or a tag",
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off", "spellcheck": "false"}),
    )

    soft = forms.BooleanField(
        required=False,
        label="softly",
        help_text="Only end their TTL: one caller loads each again, and the old one stays in case its source fails.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = families.registered()
        self.fields["family"].widget.choices = [("", "-"), *((family.name, family.name) for family in known)]
        tags = sorted({tag for family in known for tag in family.tags})
        self.fields["tag"].help_text = f"One of {', '.join(tags)}, with a name in place of the braces"
        self.target: Target | None = None

    def clean(self) -> dict[str, Any]:
        super().clean()
        chosen = {name: value for name in ("pattern", "family", "tag") if (value := self.cleaned_data.get(name))}
        if self.errors:
            return self.cleaned_data
        if len(chosen) != 1:
            raise forms.ValidationError("Give exactly one of pattern, family, tag.")
        try:
            self.target = clear.target(**chosen)
        except (UnknownFamily, UnknownTag) as error:
            self.add_error(next(iter(chosen)), str(error))
        return self.cleaned_data


@require_http_methods(["GET", "HEAD", "POST"])
def clear_view(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """GET shows the form, POST counts and asks for confirmation, POST with `confirmed` clears."""
    form = ClearForm(request.POST if request.method == "POST" else None, initial=request.GET.dict())
    confirmed = "confirmed" in request.POST
    context |= {"title": "Clear", "form": form}
    if form.is_valid() and form.target:
        try:
            return (
                _clear(request, form.target, soft=form.cleaned_data["soft"])
                if confirmed
                else _confirm(request, context, form.target)
            )
        except StoreUnavailable as error:
            context["problem"] = f"{error} {PARTIAL_CLEAR if confirmed else 'Nothing was cleared.'}"
    return TemplateResponse(request, "admin/systemcache/cache/clear.html", context)


def _clear(request: HttpRequest, target: Target, *, soft: bool) -> HttpResponse:
    cleared = clear.clear(target, by=request.user.get_username(), soft=soft).keys
    values = "1 value" if cleared == 1 else f"{cleared:,} values"
    messages.success(request, f"Cleared {values} of {target.what}; the clear is recorded.")
    return HttpResponseRedirect(reverse("admin:systemcache_cache_changelist"))


def _confirm(request: HttpRequest, context: dict[str, Any], target: Target) -> HttpResponse:
    context |= {
        "title": "Clear?",
        "target": target,
        "number": clear.clear(target, by=request.user.get_username(), dry_run=True).keys,
        "preview": [
            stored.key for stored in key_browser.page(target.patterns[0], most=PREVIEW_KEYS).keys[:PREVIEW_KEYS]
        ],
    }
    return TemplateResponse(request, "admin/systemcache/cache/clear_confirm.html", context)
