"""Adding, changing and removing watched symbols, by the serializer and the services of the API."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from broker.cache_families import VIEW_ACCOUNT
from broker.errors import BrokerError, UnknownSymbol
from dashboard import confirmation, parts
from dashboard.access import page_for
from dashboard.confirmation import Confirmation
from dashboard.saving import save
from systemcache.errors import CacheError
from watchlist import quotes
from watchlist.models import Category, WatchlistItem
from watchlist.serializers import WatchlistItemSerializer

FIELDS = ("target_price", "notes", "category")


@require_POST
@page_for(VIEW_ACCOUNT, "watchlist.add_watchlistitem")
def add(request: HttpRequest) -> HttpResponse:
    """Watch a symbol; what is no symbol's exact name leads to the contracts that contain it."""
    symbol, exchange = request.POST.get("symbol", "").strip(), request.POST.get("exchange", "NSEEQ")
    category = request.POST.get("category", Category.SHORT_TERM)
    try:
        quotes.find_contract(symbol, exchange)
    except UnknownSymbol:
        query = urlencode({"q": symbol, "exchange": exchange, "category": category})
        return redirect(f"{reverse('dashboard:symbols')}?{query}")
    except (BrokerError, CacheError) as error:
        messages.error(request, str(error))
        return redirect("dashboard:watchlist")
    serializer = WatchlistItemSerializer(data={"symbol": symbol, "exchange": exchange, "category": category})
    if errors := save(serializer):
        messages.error(request, f"{symbol.upper()}: {_sentence(errors)}")
    else:
        messages.success(request, f"{serializer.instance} is watched now.")
    return redirect("dashboard:watchlist")


@never_cache
@page_for(VIEW_ACCOUNT, "watchlist.change_watchlistitem")
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change target, note and category in the row's place; without scripts on a page of its own."""
    item = get_object_or_404(WatchlistItem, pk=pk)
    values: dict[str, Any] = {"target_price": item.target_price, "notes": item.notes, "category": item.category}
    errors: Any = {}
    if request.method == "POST":
        values = {name: request.POST.get(name, "").strip() for name in FIELDS}
        data = values | {"target_price": values["target_price"].replace(",", "") or None}
        serializer = WatchlistItemSerializer(item, data=data, partial=True)
        errors = save(serializer)
        if not errors:
            messages.success(request, f"{serializer.instance} is saved.")
            return redirect("dashboard:watchlist")
    context = {
        "item": item,
        "values": values,
        "errors": errors,
        "categories": Category.choices,
        "may_remove": request.user.has_perm("watchlist.delete_watchlistitem"),
    }
    return parts.show(request, "edit_watched", "edit_watched", context, status=400 if errors else 200)


@never_cache
@page_for(VIEW_ACCOUNT, "watchlist.delete_watchlistitem")
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Confirm and stop watching a symbol. One that is gone already is not an error."""
    item = WatchlistItem.objects.filter(pk=pk).first()
    if item is None:
        messages.info(request, "This symbol was removed already.")
        return redirect("dashboard:watchlist")
    if request.method == "POST":
        item.delete()
        messages.success(request, f"{item} is no longer watched.")
        return redirect("dashboard:watchlist")
    asked = Confirmation(
        title=f"Remove {item.symbol}?",
        button=f"Remove {item.symbol}",
        address=reverse("dashboard:remove-watched", args=[pk]),
        back=reverse("dashboard:watchlist"),
        details=[("Symbol", f"{item.symbol} ({item.exchange})"), ("Category", item.get_category_display())],
        lines=[f"Its note goes too: {item.notes}"] if item.notes else [],
    )
    return confirmation.show(request, asked)


def _sentence(errors: Any) -> str:
    return " ".join(str(text) for texts in errors.values() for text in texts)
