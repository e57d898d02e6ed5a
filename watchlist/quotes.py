"""The app's access to the broker: contracts of symbols, prices, latest candles."""

from collections.abc import Iterable
from datetime import timedelta

from broker import clock, gateway
from broker.errors import UnknownExchange, UnknownSymbol
from broker.values import Candle, Contract, Interval, Quote
from systemcache.cached_value import CachedValue

# Calendar days per candle, rounded up because weekends and holidays have none.
DAYS_PER_CANDLE = {Interval.DAY: 1.5, Interval.WEEK: 7, Interval.MONTH: 31}
TRADING_MINUTES_PER_DAY = 6 * 60
MAX_CLOSURE = timedelta(days=5)
MINUTES = {
    Interval.MINUTE: 1,
    Interval.MINUTES_5: 5,
    Interval.MINUTES_10: 10,
    Interval.MINUTES_15: 15,
    Interval.MINUTES_30: 30,
    Interval.MINUTES_60: 60,
}


def find_contract(symbol: str, exchange: str) -> Contract:
    """Return the contract of a symbol. Raises UnknownSymbol, or BrokerError if the contract file cannot be fetched."""
    return gateway.resolve(symbol, exchange)


def canonical_symbol(symbol: str, exchange: str) -> str:
    """Return the symbol as it is stored. Raises what `find_contract` raises."""
    return symbol_of(find_contract(symbol, exchange))


def symbol_of(contract: Contract) -> str:
    """Drop the series, which changes when a share is put under surveillance, unless that names another contract."""
    try:
        same = find_contract(contract.symbol, contract.exchange) == contract
    except UnknownSymbol:
        same = False
    return (contract.symbol if same else contract.trading_symbol).upper()


def latest_candles(contract: Contract, interval: Interval, count: int) -> CachedValue[list[Candle]]:
    """Return at least `count` candles up to today, oldest first; fewer for a contract that is newer than that."""
    today = clock.now().date()
    if interval in DAYS_PER_CANDLE:
        days = DAYS_PER_CANDLE[interval] * count
    else:  # one day more, because today may have a single candle so far
        days = DAYS_PER_CANDLE[Interval.DAY] * (1 + count * MINUTES[interval] / TRADING_MINUTES_PER_DAY)
    first = today - timedelta(days=round(days)) - MAX_CLOSURE
    return gateway.candles(symbol_of(contract), interval, first, today, contract.exchange)


def prices(symbols: Iterable[tuple[str, str]]) -> dict[tuple[str, str], CachedValue[Quote]]:
    """Return quotes by (symbol, exchange), in one batch, without those the broker does not have. Raises BrokerError."""
    known = {name: contract for name in dict.fromkeys(symbols) if (contract := _quotable(*name))}
    return {name: quote for name, quote in zip(known, gateway.quotes_of(list(known.values())), strict=True) if quote}


def _quotable(symbol: str, exchange: str) -> Contract | None:
    try:
        contract = find_contract(symbol, exchange)
    except (UnknownSymbol, UnknownExchange):
        return None
    return contract if gateway.can_be_quoted(contract) else None
