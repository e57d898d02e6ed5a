"""Watched symbols in the admin, with their current prices."""

import logging
from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html

from broker import money
from broker.errors import BrokerError
from broker.values import Quote
from systemcache.cached_value import CachedValue
from watchlist import quotes
from watchlist.admin.forms import ContractForm, price_time, report_count, short_time
from watchlist.models import Category, WatchlistItem
from watchlist.models.items import WatchlistItemQuerySet

NOT_QUOTED, UNAVAILABLE = "-", "unavailable"  # the latter if the broker fails

logger = logging.getLogger(__name__)


class RowForm(ModelForm[WatchlistItem]):
    """Labels the editable fields of the list for screen readers, which do not see the column's header."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["aria-label"] = f"{self.instance}: {field.label}"


@admin.register(WatchlistItem)
class WatchlistItemAdmin(admin.ModelAdmin[WatchlistItem]):
    form = ContractForm
    list_display = ("symbol", "price", "target_price", "is_active", "category", "exchange", "changed")
    list_editable = ("target_price", "is_active")
    list_filter = ("is_active", "category", "exchange")
    list_per_page = 50  # prices come in calls of 25
    search_fields = ("symbol", "notes")
    search_help_text = "Part of a symbol, or of the notes"
    readonly_fields = ("created_at", "updated_at")
    fieldsets = (
        (None, {"fields": (("symbol", "exchange"), "category", "is_active")}),
        ("Why, and at what price", {"fields": ("target_price", "notes")}),
        ("Dates", {"fields": (("created_at", "updated_at"),)}),
    )
    actions = (
        "activate",
        "deactivate",
        "move_to_long_term",
        "move_to_short_term",
        "move_to_day_trading",
        "move_to_hold",
    )

    @admin.action(description="Activate selected symbols", permissions=["change"])
    def activate(self, request: HttpRequest, chosen: WatchlistItemQuerySet) -> None:
        self.message_user(request, f"{chosen.set_active(True)} activated.", messages.SUCCESS)

    @admin.action(description="Deactivate selected symbols", permissions=["change"])
    def deactivate(self, request: HttpRequest, chosen: WatchlistItemQuerySet) -> None:
        self.message_user(request, f"{chosen.set_active(False)} deactivated.", messages.SUCCESS)

    @admin.action(description="Move to long term", permissions=["change"])
    def move_to_long_term(self, request: HttpRequest, chosen: WatchlistItemQuerySet) -> None:
        self._move(request, chosen, Category.LONG_TERM)

    @admin.action(description="Move to short term", permissions=["change"])
    def move_to_short_term(self, request: HttpRequest, chosen: WatchlistItemQuerySet) -> None:
        self._move(request, chosen, Category.SHORT_TERM)

    @admin.action(description="Move to day trading", permissions=["change"])
    def move_to_day_trading(self, request: HttpRequest, chosen: WatchlistItemQuerySet) -> None:
        self._move(request, chosen, Category.DAY_TRADING)

    @admin.action(description="Move to hold", permissions=["change"])
    def move_to_hold(self, request: HttpRequest, chosen: WatchlistItemQuerySet) -> None:
        self._move(request, chosen, Category.HOLD)

    def _move(self, request: HttpRequest, chosen: WatchlistItemQuerySet, category: Category) -> None:
        selected = chosen.count()
        report_count(self, request, chosen.move_to(category), selected, f"moved to {category.label.lower()}")

    @admin.display(description="changed", ordering="updated_at")
    def changed(self, item: WatchlistItem) -> str:
        return short_time(item.updated_at)

    @admin.display(description="price")
    def price(self, item: WatchlistItem) -> str:
        """Show the price with its own time, or the time at which it was loaded if the broker does not say."""
        quote: CachedValue[Quote] | str = getattr(item, "quote", NOT_QUOTED)
        if isinstance(quote, str):
            return quote
        stale = "stale, " if quote.stale else ""
        return format_html(
            '{} <span class="quiet">{}as of {}</span>',
            money.grouped(money.price(quote.value.ltp)),
            stale,
            price_time(quote.value.quoted_at or quote.created),
        )

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> type[ModelForm[WatchlistItem]]:
        return super().get_changelist_form(request, form=RowForm, **kwargs)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Attach the prices of the page's rows, in one batch; without the broker the page has no prices."""
        page = super().get_changelist_instance(request)
        if request.method == "GET":
            _attach_prices(page.result_list)
        return page


def _attach_prices(rows: Iterable[Any]) -> None:
    try:
        prices = quotes.prices([(row.symbol, row.exchange) for row in rows])
    except BrokerError as error:
        logger.info("watchlist: prices for the admin failed: %s", error)
        for row in rows:
            row.quote = UNAVAILABLE
    else:
        for row in rows:
            row.quote = prices.get((row.symbol, row.exchange), NOT_QUOTED)
