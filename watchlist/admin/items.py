"""Watched symbols in the admin, with their prices of this moment."""

import logging
from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html

from broker.errors import BrokerError
from broker.values import Quote
from systemcache.fetched import Fetched
from watchlist import market
from watchlist.admin.forms import ContractForm, moment, report, rupees
from watchlist.models import Category, WatchlistItem
from watchlist.models.items import WatchlistItemQuerySet

NOT_QUOTED, UNAVAILABLE = "-", "unavailable"  # the latter: the broker cannot be asked now

logger = logging.getLogger(__name__)


class RowForm(ModelForm[WatchlistItem]):
    """What can be changed in the list, named for those who do not see the column's head above it."""

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
        "switch_on",
        "switch_off",
        "move_to_long_term",
        "move_to_short_term",
        "move_to_day_trading",
        "move_to_hold",
    )

    @admin.action(description="Activate selected symbols", permissions=["change"])
    def switch_on(self, request: HttpRequest, chosen: WatchlistItemQuerySet) -> None:
        self.message_user(request, f"{chosen.switch(True)} activated.", messages.SUCCESS)

    @admin.action(description="Deactivate selected symbols", permissions=["change"])
    def switch_off(self, request: HttpRequest, chosen: WatchlistItemQuerySet) -> None:
        self.message_user(request, f"{chosen.switch(False)} deactivated.", messages.SUCCESS)

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
        number = chosen.count()
        report(self, request, chosen.move_to(category), number, f"moved to {category.label.lower()}")

    @admin.display(description="changed", ordering="updated_at")
    def changed(self, item: WatchlistItem) -> str:
        return moment(item.updated_at)

    @admin.display(description="price")
    def price(self, item: WatchlistItem) -> str:
        """With its age: it may come from the cache."""
        found: Fetched[Quote] | str = getattr(item, "quote", NOT_QUOTED)
        if isinstance(found, str):
            return found
        stale = "stale, " if found.stale else ""
        return format_html(
            '{} <span class="quiet">{}as of {} s ago</span>', rupees(found.value.ltp), stale, found.age()
        )

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> type[ModelForm[WatchlistItem]]:
        return super().get_changelist_form(request, form=RowForm, **kwargs)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """The page's rows get their prices, all in one batch. A broker that is away costs the prices, not the page."""
        page = super().get_changelist_instance(request)
        if request.method == "GET":
            _price(page.result_list)
        return page


def _price(rows: Iterable[Any]) -> None:
    try:
        found = market.prices([(row.symbol, row.exchange) for row in rows])
    except BrokerError as error:
        logger.info("watchlist: no prices in the admin: %s", error)
        for row in rows:
            row.quote = UNAVAILABLE
    else:
        for row in rows:
            row.quote = found.get((row.symbol, row.exchange), NOT_QUOTED)
