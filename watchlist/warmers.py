"""What the watchlist's pages and signals ask for: its rows, and prices and daily candles of what is watched now."""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Any

from broker import gateway
from broker.values import Exchange, Interval
from systemcache.fetched import Fetched
from systemcache.warming import Step
from watchlist import market, reads, strategies
from watchlist.models.items import ALL

SIGNALS_SHOWN = 50  # as many as /api/signals gives unasked


def own_tables() -> Iterator[Step]:
    yield Step("watchlist", "watchlist", partial(reads.watchlist, active="true", category=ALL))
    yield Step("settings", "settings", reads.trading_settings)
    yield Step("signals", "signals", partial(reads.signals, limit=SIGNALS_SHOWN))


def watched_symbols() -> Iterator[Step]:
    by_exchange: defaultdict[str, list[str]] = defaultdict(list)
    for row in reads.watchlist(active="true", category=ALL).value:
        if row.symbol not in by_exchange[row.exchange]:
            by_exchange[row.exchange].append(row.symbol)
    for exchange, symbols in by_exchange.items():
        if exchange in list(Exchange):
            yield Step("quotes", f"quotes of {len(symbols)} symbols of {exchange}", partial(_quotes, symbols, exchange))
            for symbol in symbols:
                yield Step("candles", f"daily candles of {symbol}", partial(_candles, symbol, exchange))


def _quotes(symbols: list[str], exchange: str) -> list[Fetched[Any]]:
    return [quote for quote in gateway.quotes(symbols, exchange) if quote]


def _candles(symbol: str, exchange: str) -> Fetched[Any]:
    return market.dated_candles(gateway.resolve(symbol, exchange), Interval.DAY, strategies.HISTORY)
