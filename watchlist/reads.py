"""Cached reads of this app's tables."""

from systemcache.fetch import bypass, fetch
from systemcache.fetched import Fetched
from watchlist.cache_families import SETTINGS, SIGNALS, WATCHLIST
from watchlist.models import Signal, TradingSetting, WatchlistItem
from watchlist.models.kinds import Typed
from watchlist.rows import SettingRow, SignalRow, WatchlistRow


def watchlist(*, active: str, category: str) -> Fetched[list[WatchlistRow]]:
    return fetch(
        WATCHLIST,
        {"active": active, "category": category},
        lambda: [WatchlistRow.of(item) for item in WatchlistItem.objects.shown(active, category)],
    )


def signals(*, limit: int) -> Fetched[list[SignalRow]]:
    """The newest first."""
    return fetch(SIGNALS, {"limit": limit}, lambda: [SignalRow.of(row) for row in Signal.objects.recent(limit)])


def signals_that_are(status: str, *, limit: int) -> Fetched[list[SignalRow]]:
    """Straight from the database: keys by status would multiply what each write has to drop."""
    found = Signal.objects.filter(status=status)
    return bypass(SIGNALS, lambda: [SignalRow.of(row) for row in found.recent(limit)])


def trading_settings() -> Fetched[list[SettingRow]]:
    return fetch(SETTINGS, {}, lambda: [SettingRow.of(row) for row in TradingSetting.objects.all()])


def typed_settings() -> dict[str, Typed]:
    return {row.key: row.typed for row in trading_settings().value}
