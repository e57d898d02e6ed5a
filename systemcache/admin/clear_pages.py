"""Clearing by hand: what, then how much that is, then the clear itself, which is on record."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from systemcache import browsing, families, invalidation
from systemcache.errors import StoreUnavailable, UnknownFamily, UnknownTag
from systemcache.invalidation import Target

PREVIEW = 10  # keys
CUT_SHORT = "What was dropped before, if anything, is on record."


class ClearForm(forms.Form):
    """Exactly one of the three; `target` is what it names."""

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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = families.registered()
        self.fields["family"].widget.choices = [("", "-"), *((family.name, family.name) for family in known)]
        tags = sorted({tag for family in known for tag in family.tags})
        self.fields["tag"].help_text = f"One of {', '.join(tags)}, with a name in the place of the brackets"
        self.target: Target | None = None

    def clean(self) -> dict[str, Any]:
        super().clean()
        chosen = {name: value for name in ("pattern", "family", "tag") if (value := self.cleaned_data.get(name))}
        if self.errors:
            return self.cleaned_data
        if len(chosen) != 1:
            raise forms.ValidationError("Give exactly one of pattern, family, tag.")
        try:
            self.target = invalidation.target(**chosen)
        except (UnknownFamily, UnknownTag) as error:
            self.add_error(next(iter(chosen)), str(error))
        return self.cleaned_data


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """GET: the form. POST: how much it would be, to be confirmed; confirmed: the clear."""
    form = ClearForm(request.POST if request.method == "POST" else None, initial=request.GET.dict())
    context |= {"title": "Clear", "form": form}
    if request.method == "POST" and form.is_valid() and form.target:
        try:
            return _act(request, context, form.target)
        except StoreUnavailable as error:
            context["problem"] = f"{error} {CUT_SHORT if 'confirmed' in request.POST else 'Nothing was dropped.'}"
    return TemplateResponse(request, "admin/systemcache/cache/clear.html", context)


def _act(request: HttpRequest, context: dict[str, Any], target: Target) -> HttpResponse:
    who = request.user.get_username()
    if "confirmed" in request.POST:
        cleared = invalidation.clear(target, by=who)
        messages.success(request, f"{_values(cleared.keys)} of {target.what} dropped, and on record.")
        return HttpResponseRedirect(reverse("admin:systemcache_cache_changelist"))
    context |= {
        "title": "Clear?",
        "target": target,
        "number": invalidation.clear(target, by=who, dry_run=True).keys,
        "preview": [stored.key for stored in browsing.page(target.patterns[0], most=PREVIEW).keys[:PREVIEW]],
    }
    return TemplateResponse(request, "admin/systemcache/cache/clear_confirm.html", context)


def _values(number: int) -> str:
    return "1 value" if number == 1 else f"{number:,} values"
