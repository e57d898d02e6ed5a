"""Watchlist, signals and settings in the admin."""

from watchlist.admin.items import WatchlistItemAdmin
from watchlist.admin.settings import TradingSettingAdmin
from watchlist.admin.signals import SignalAdmin

__all__ = ["SignalAdmin", "TradingSettingAdmin", "WatchlistItemAdmin"]
