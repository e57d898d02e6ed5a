"""Cached reads of the broker: the door for the floors above."""

from collections.abc import Sequence
from datetime import date
from functools import partial

from broker import events
from broker.cache_families import HOLDINGS, MARGINS, POSITIONS, PROFILE, STATUS, TRADES
from broker.candles import history
from broker.contracts.directory import key_symbol, symbol_with_series
from broker.contracts.master import (
    clear_symbol_cache,
    contract_page,
    contracts,
    invalidate_contracts,
    refresh_contracts,
    resolve,
    search_contracts,
)
from broker.errors import BrokerError
from broker.iifl import rate_limiter
from broker.iifl.client import default_client
from broker.orders.book import order_history, orders, read_order_book, ttl_beside_orders
from broker.quotes import (
    can_be_quoted,
    contract_of,
    depth,
    known_contracts,
    open_interest,
    priced,
    priced_book,
    quotes,
    quotes_of,
)
from broker.values import (
    BrokerStatus,
    Candle,
    Exchange,
    Holding,
    Interval,
    Leg,
    Margins,
    OrderMargin,
    OrderParams,
    Position,
    Profile,
    SpanMargin,
    Trade,
)
from systemcache.cached_value import CachedValue
from systemcache.fetching.fetch import fetch

__all__ = [
    "can_be_quoted",
    "candles",
    "clear_symbol_cache",
    "contract_of",
    "contract_page",
    "contracts",
    "depth",
    "holdings",
    "invalidate_contracts",
    "key_symbol",
    "known_contracts",
    "margins",
    "open_interest",
    "order_history",
    "order_margin",
    "orders",
    "positions",
    "priced",
    "profile",
    "quotes",
    "quotes_of",
    "read_order_book",
    "refresh_contracts",
    "resolve",
    "search_contracts",
    "span_margin",
    "status",
    "symbol_with_series",
    "trades",
]

PROBE_MAX_WAIT = 2.0  # seconds that a status check may wait for the rate limit: a page is waiting for it


def holdings() -> CachedValue[list[Holding]]:
    """Return the holdings, valued at the prices of the time when they were loaded."""
    return fetch(HOLDINGS, {}, lambda: priced_book(default_client().holdings()))


def positions() -> CachedValue[list[Position]]:
    """Return the positions, valued at the prices of the time when they were loaded."""
    return fetch(
        POSITIONS,
        {},
        lambda: priced_book(default_client().positions()),
        ttl_before=partial(ttl_beside_orders, POSITIONS),
    )


def margins() -> CachedValue[Margins]:
    return fetch(MARGINS, {}, lambda: default_client().margins(), ttl_before=partial(ttl_beside_orders, MARGINS))


def trades() -> CachedValue[list[Trade]]:
    return fetch(TRADES, {}, _load_trades, ttl_before=partial(ttl_beside_orders, TRADES))


def _load_trades() -> list[Trade]:
    book = default_client().trades()
    events.publish_trade_book(book)
    return book


def profile() -> CachedValue[Profile]:
    return fetch(PROFILE, {}, lambda: default_client().profile())


def candles(
    symbol: str, interval: Interval, first: date, last: date, exchange: str = Exchange.NSEEQ
) -> CachedValue[list[Candle]]:
    """Return the candles of the days `first` to `last`, both included. Raises UnknownSymbol, UnknownExchange."""
    contract = resolve(symbol, exchange)
    return history.candles(contract, key_symbol(contract), interval, first, last)


def order_margin(symbol: str, exchange: str, params: OrderParams) -> OrderMargin:
    """Return what an order would need given the current positions. Not cached."""
    return default_client().order_margin(resolve(symbol, exchange), params)


def span_margin(legs: Sequence[tuple[str, str, str, int]]) -> SpanMargin:
    """Return what a combination would need; each leg is symbol, exchange, side, quantity. Not cached."""
    return default_client().span_margin(
        [
            Leg(contract=resolve(symbol, exchange), side=side, quantity=quantity)
            for symbol, exchange, side, quantity in legs
        ]
    )


def status() -> BrokerStatus:
    """Say whether the broker answers, as of a few seconds ago at most."""
    return fetch(STATUS, {}, _probe).value


def _probe() -> BrokerStatus:
    try:
        with rate_limiter.max_wait(PROBE_MAX_WAIT):
            default_client().probe()
    except BrokerError as error:
        return BrokerStatus(up=False, detail=str(error))
    return BrokerStatus(up=True, detail="")
