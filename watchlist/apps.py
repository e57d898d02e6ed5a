"""Registers the app's cache families, their invalidation, warming steps and limits on orders at start-up."""

from django.apps import AppConfig


class WatchlistConfig(AppConfig):
    name = "watchlist"
    verbose_name = "Watchlist, signals and settings"

    def ready(self) -> None:
        from broker import order_guards
        from broker.subscriptions import sources
        from systemcache import families
        from systemcache.invalidation import signals
        from systemcache.operations import warming
        from watchlist import events
        from watchlist.cache_families import SETTINGS, SIGNAL_GENERATION, SIGNALS, WATCHLIST
        from watchlist.models import Signal, TradingSetting, WatchlistItem

        families.register(WATCHLIST, SIGNALS, SETTINGS, SIGNAL_GENERATION)
        signals.invalidate_on_write(WatchlistItem, WATCHLIST)
        signals.invalidate_on_write(Signal, SIGNALS)
        signals.invalidate_on_write(TradingSetting, SETTINGS)
        events.connect()
        order_guards.register("watchlist.order_limits.check")
        sources.register("watchlist.subscriptions.active_items")
        warming.register("watchlist.warmers.own_tables", "the watchlist, the settings and the latest signals")
        warming.register("watchlist.warmers.watched_symbols", "quotes and daily candles of the watched symbols")
