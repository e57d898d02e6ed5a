"""The watchlist app's models."""

from watchlist.models.items import Category, WatchlistItem
from watchlist.models.kinds import Kind
from watchlist.models.settings import TradingSetting
from watchlist.models.signals import Signal, SignalType, Status

__all__ = ["Category", "Kind", "Signal", "SignalType", "Status", "TradingSetting", "WatchlistItem"]
