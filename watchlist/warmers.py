"""Warming steps: the app's rows, and the prices and daily candles of the watched symbols."""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Any

from broker import gateway
from broker.values import Exchange, Interval
from systemcache.cached_value import CachedValue
from systemcache.operations.warming import Step
from watchlist import quotes, selectors, strategies
from watchlist.models.items import ALL

DEFAULT_SIGNALS = 50  # the default limit of /api/signals


def own_tables() -> Iterator[Step]:
    yield Step("watchlist", "watchlist", partial(selectors.watchlist, active="true", category=ALL))
    yield Step("settings", "settings", selectors.trading_settings)
    yield Step("signals", "signals", partial(selectors.signals, limit=DEFAULT_SIGNALS))


def watched_symbols() -> Iterator[Step]:
    by_exchange: defaultdict[str, list[str]] = defaultdict(list)
    for row in selectors.watchlist(active="true", category=ALL).value:
        if row.symbol not in by_exchange[row.exchange]:
            by_exchange[row.exchange].append(row.symbol)
    for exchange, symbols in by_exchange.items():
        if exchange in list(Exchange):
            yield Step("quotes", f"quotes of {len(symbols)} symbols of {exchange}", partial(_quotes, symbols, exchange))
            for symbol in symbols:
                yield Step("candles", f"daily candles of {symbol}", partial(_candles, symbol, exchange))


def _quotes(symbols: list[str], exchange: str) -> list[CachedValue[Any]]:
    return [quote for quote in gateway.quotes(symbols, exchange) if quote]


def _candles(symbol: str, exchange: str) -> CachedValue[Any]:
    return quotes.latest_candles(gateway.resolve(symbol, exchange), Interval.DAY, strategies.CANDLE_COUNT)
