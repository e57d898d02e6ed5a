"""The watchlist's cache families: their keys, types and tags."""

from broker.values import Interval
from systemcache.families import Family
from watchlist.models import Category
from watchlist.models.items import ALL
from watchlist.schemas import SettingSchema, SignalSchema, WatchlistItemSchema
from watchlist.strategies import Strategy, StrategyResult

MAX_SIGNALS = 200

WATCHLIST = Family(
    "watchlist",
    "db:watchlist:{active}:{category}",
    list[WatchlistItemSchema],
    choices={"active": ("true", "false", ALL), "category": (ALL, *Category.values)},
    tags=("watchlist",),
    strict=True,
    source="watchlist.selectors.watchlist_rows",
)
SIGNALS = Family(
    "signals",
    "db:signals:recent:{limit}",
    list[SignalSchema],
    choices={"limit": tuple(str(limit) for limit in range(1, MAX_SIGNALS + 1))},
    strict=True,
    source="watchlist.selectors.signal_rows",
)
SETTINGS = Family(
    "settings", "db:settings:all", list[SettingSchema], strict=True, source="watchlist.selectors.setting_rows"
)
# Symbols of exchanges other than NSEEQ are written SYMBOL@EXCHANGE, as in the candles' keys.
SIGNAL_GENERATION = Family(
    "signal_generation",
    "computed:signals:{strategy}:{symbol}:{interval}",
    StrategyResult,
    choices={"strategy": tuple(Strategy), "interval": tuple(Interval)},
    tags=("signals:{symbol}", "candles:{symbol}"),  # candles that were of another adjustment take their results along
)
