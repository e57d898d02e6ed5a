"""What this floor keeps in the cache, under which keys."""

from broker.values import Interval
from systemcache.families import Family
from watchlist.models import Category
from watchlist.models.items import ALL
from watchlist.rows import SettingRow, SignalRow, WatchlistRow
from watchlist.strategies import Generated, Strategy

MOST_SIGNALS = 200

WATCHLIST = Family(
    "watchlist",
    "db:watchlist:{active}:{category}",
    list[WatchlistRow],
    choices={"active": ("true", "false", ALL), "category": (ALL, *Category.values)},
    tags=("watchlist",),
    strict=True,
)
SIGNALS = Family(
    "signals",
    "db:signals:recent:{limit}",
    list[SignalRow],
    choices={"limit": tuple(str(limit) for limit in range(1, MOST_SIGNALS + 1))},
    strict=True,
)
SETTINGS = Family("settings", "db:settings:all", list[SettingRow], strict=True)
# A symbol of another exchange than NSEEQ stands as SYMBOL@EXCHANGE, as in the candles' keys.
SIGNAL_GENERATION = Family(
    "signal_generation",
    "computed:signals:{strategy}:{symbol}:{interval}",
    Generated,
    choices={"strategy": tuple(Strategy), "interval": tuple(Interval)},
    tags=("signals:{symbol}",),
)
