"""The only door to the broker: what a symbol is, its price, and its latest candles."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from broker import gateway
from broker.errors import UnknownExchange, UnknownSymbol
from broker.values import IST, Candle, Contract, Interval, Quote
from systemcache.fetched import Fetched

# Calendar days that hold a candle each, generously: weekends and holidays have none.
DAYS_PER_CANDLE = {Interval.DAY: 1.5, Interval.WEEK: 7, Interval.MONTH: 31}
SHORTEST_DAY = 6 * 60  # minutes of trading
LONGEST_CLOSURE = timedelta(days=5)
MINUTES = {
    Interval.MINUTE: 1,
    Interval.MINUTES_5: 5,
    Interval.MINUTES_10: 10,
    Interval.MINUTES_15: 15,
    Interval.MINUTES_30: 30,
    Interval.MINUTES_60: 60,
}


def contract(symbol: str, exchange: str) -> Contract:
    """Raises UnknownSymbol, or another BrokerError when the contract file cannot be had."""
    return gateway.resolve(symbol, exchange)


def canonical_symbol(symbol: str, exchange: str) -> str:
    """The symbol as it is kept. Raises what `contract` raises."""
    return canonical(contract(symbol, exchange))


def canonical(found: Contract) -> str:
    """Without the series, which changes when a share is put under surveillance; unless that names another contract."""
    try:
        same = contract(found.symbol, found.exchange) == found
    except UnknownSymbol:
        same = False
    return (found.symbol if same else found.trading_symbol).upper()


def key_symbol(found: Contract) -> str:
    """How a cache key without an exchange names the contract: RELIANCE, RELIANCE@BSEEQ."""
    return gateway.key_symbol(found)


def latest_candles(found: Contract, interval: Interval, count: int) -> list[Candle]:
    """At least `count` candles, today's included, oldest first; fewer for a contract that is younger than that."""
    return dated_candles(found, interval, count).value


def dated_candles(found: Contract, interval: Interval, count: int) -> Fetched[list[Candle]]:
    """The same with their age."""
    today = datetime.now(IST).date()
    first = today - _span(interval, count)
    return gateway.candles(canonical(found), interval, first, today, found.exchange)


def prices(watched: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Fetched[Quote]]:
    """By (symbol, exchange), in one batch; what the broker does not know or quote is left out. Raises BrokerError."""
    known = {name: found for name in dict.fromkeys(watched) if (found := _quotable(*name))}
    return {name: quote for name, quote in zip(known, gateway.quotes_of(list(known.values())), strict=True) if quote}


def _quotable(symbol: str, exchange: str) -> Contract | None:
    try:
        found = contract(symbol, exchange)
    except (UnknownSymbol, UnknownExchange):
        return None
    return found if gateway.can_be_quoted(found) else None


def _span(interval: Interval, count: int) -> timedelta:
    days = DAYS_PER_CANDLE.get(interval)
    if days is None:
        # The day that is under way may hold a single candle, hence one day more.
        days = DAYS_PER_CANDLE[Interval.DAY] * (1 + count * MINUTES[interval] / SHORTEST_DAY)
        count = 1
    return timedelta(days=round(days * count)) + LONGEST_CLOSURE
