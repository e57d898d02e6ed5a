"""Wires this floor up when Django starts."""

from django.apps import AppConfig


class WatchlistConfig(AppConfig):
    name = "watchlist"
    verbose_name = "Watchlist, signals and settings"

    def ready(self) -> None:
        from systemcache import families, orm, warming
        from watchlist.cache_families import SETTINGS, SIGNAL_GENERATION, SIGNALS, WATCHLIST
        from watchlist.models import Signal, TradingSetting, WatchlistItem

        families.register(WATCHLIST, SIGNALS, SETTINGS, SIGNAL_GENERATION)
        orm.watch(WatchlistItem, WATCHLIST)
        orm.watch(Signal, SIGNALS)
        orm.watch(TradingSetting, SETTINGS)
        warming.register("watchlist.warmers.own_tables")
        warming.register("watchlist.warmers.watched_symbols")
