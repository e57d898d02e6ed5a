"""Cached reads of this app's tables."""

import logging

from systemcache.cached_value import CachedValue
from systemcache.fetching.fetch import bypass, fetch
from watchlist.cache_families import SETTINGS, SIGNALS, WATCHLIST
from watchlist.models import Signal, TradingSetting, WatchlistItem
from watchlist.models.kinds import Typed
from watchlist.schemas import SettingSchema, SignalSchema, WatchlistItemSchema

NO_NUMBER = (TypeError, ArithmeticError)  # what is raised by a column of numbers that holds something else

logger = logging.getLogger(__name__)


def watchlist(*, active: str, category: str) -> CachedValue[list[WatchlistItemSchema]]:
    return fetch(
        WATCHLIST,
        {"active": active, "category": category},
        lambda: watchlist_rows(active, category),
    )


def signals(*, limit: int, status: str = "") -> CachedValue[list[SignalSchema]]:
    """Return the latest signals, newest first.

    Those of one status are read from the database: keys by status would multiply what each write has to invalidate.
    """
    if status:
        matching = Signal.objects.filter(status=status)
        return bypass(SIGNALS, lambda: [SignalSchema.of(row) for row in matching.recent(limit)])
    return fetch(SIGNALS, {"limit": limit}, lambda: signal_rows(limit))


def trading_settings() -> CachedValue[list[SettingSchema]]:
    return fetch(SETTINGS, {}, setting_rows)


def typed_settings() -> dict[str, Typed | None]:
    """Return the values by key, None where one cannot be read."""
    return {row.key: row.typed for row in trading_settings().value}


# --- from the database; the auditor reads them too ---------------------------------------------------------


def watchlist_rows(active: str, category: str) -> list[WatchlistItemSchema]:
    """Return the rows; a target price that cannot be read is None, and the log names its row."""
    items = WatchlistItem.objects.matching(active, category)
    try:
        return [WatchlistItemSchema.of(item) for item in items]
    except NO_NUMBER:
        return [_readable_row(item) for item in items.defer("target_price")]


def _readable_row(item: WatchlistItem) -> WatchlistItemSchema:
    """Read the target price alone, since it may be what SQL has stored and no number is."""
    try:
        return WatchlistItemSchema.of(item)
    except NO_NUMBER:
        logger.warning("watchlist: the target price of %s cannot be read: it is no number.", item)
        item.target_price = None
        return WatchlistItemSchema.of(item)


def signal_rows(limit: int | str) -> list[SignalSchema]:
    """Return the latest signals, newest first."""
    return [SignalSchema.of(row) for row in Signal.objects.recent(int(limit))]


def setting_rows() -> list[SettingSchema]:
    return [SettingSchema.of(row) for row in TradingSetting.objects.all()]
