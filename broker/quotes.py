"""Quotes, depth and open interest through the cache."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import msgspec

from broker import clock, pnl
from broker.cache_families import DEPTH, OPEN_INTEREST, QUOTES
from broker.contracts.directory import symbol_with_series
from broker.contracts.master import resolve
from broker.errors import BrokerAnswerUnclear, BrokerError, UnknownSymbol
from broker.iifl.client import default_client
from broker.iifl.mapping.contracts import split_symbol
from broker.subscriptions import recent_reads
from broker.values import Contract, Depth, Exchange, Holding, OpenInterest, Order, Position, Quote
from systemcache.cached_value import CachedValue
from systemcache.errors import InvalidKeyPart, StoreUnavailable
from systemcache.families import Family
from systemcache.fetching.fetch import bypass, fetch
from systemcache.fetching.fetch_many import fetch_many
from systemcache.fetching.read import entry_ref
from systemcache.invalidation import clear
from systemcache.keys import Params
from systemcache.stats import counters

logger = logging.getLogger(__name__)

QUOTES_PER_CALL = 25
M = TypeVar("M", Depth, OpenInterest)
R = TypeVar("R", bound=Holding | Position)


def quotes(symbols: Sequence[str], exchange: str = Exchange.NSEEQ) -> list[CachedValue[Quote] | None]:
    """Return current prices in the order of the symbols, None where the broker has no quote. Raises UnknownSymbol."""
    return quotes_of([resolve(symbol, exchange) for symbol in symbols])


def known_contracts(symbols: Sequence[str], exchange: str) -> tuple[dict[str, Contract], list[str]]:
    """Return the contracts by symbol, and the symbols that are unknown. Raises UnknownSymbol if all are."""
    known: dict[str, Contract] = {}
    unknown: list[str] = []
    for symbol in symbols:
        try:
            known[symbol] = resolve(symbol, exchange)
        except UnknownSymbol:
            unknown.append(symbol)
    if unknown and not known:
        raise UnknownSymbol(unknown[0], exchange, field="symbols")
    return known, unknown


def quotes_of(contracts: Sequence[Contract]) -> list[CachedValue[Quote] | None]:
    """Return current prices in the order of the contracts, None where the broker has no quote."""
    by_key = {(contract.exchange, symbol_with_series(contract)): contract for contract in contracts}
    recent_reads.note_all(by_key)

    def load(missing: list[Params]) -> list[Quote | BrokerError | None]:
        return _load_quotes([by_key[str(item["exchange"]), str(item["symbol"])] for item in missing])

    values = fetch_many(QUOTES, [_key_params(contract) for contract in contracts], load)
    others = [place for place, value in enumerate(values) if value and not _is_of(contracts[place], value)]
    if others:  # the name has become another contract's, or two of these contracts share it
        _invalidate(QUOTES)
        for place, quote in zip(others, _load_quotes([contracts[place] for place in others]), strict=True):
            values[place] = bypass(QUOTES, partial(_raise_or_return, quote)) if quote else None
    return values


def priced(rows: Sequence[R]) -> list[R]:
    """Return rows of the account with value and P&L at current prices, from one batch of quotes. Raises BrokerError."""
    contracts = _quotable(rows)
    found = quotes_of(contracts) if contracts else []
    return _with_prices(rows, [quote.value for quote in found if quote])


def priced_book(rows: Sequence[R]) -> list[R]:
    """Return a book that the broker has just sent with current prices; without them, if the broker does not send any.

    A price that is cached is taken from there. Looking it up is the site's own read, and part of the book's load.
    """
    contracts = _quotable(rows)
    try:
        with counters.site_reads():
            found = [quote.value for quote in quotes_of(contracts) if quote] if contracts else []
    except BrokerAnswerUnclear as error:  # of one instrument; the others' prices are good
        logger.warning("broker: a book lacks a price: %s", error)
        found = _readable_quotes(contracts)
    except BrokerError as error:
        logger.warning("broker: a book has no prices: %s", error)
        found = []
    return _with_prices(rows, found)


def _readable_quotes(contracts: Sequence[Contract]) -> list[Quote]:
    with suppress(BrokerError):
        return [quote for quote in _load_quotes(contracts) if isinstance(quote, Quote)]
    return []


def _quotable(rows: Sequence[Holding | Position]) -> list[Contract]:
    contracts = {(row.exchange, row.instrument_id): contract_of(row) for row in rows if _needs_quote(row)}
    return [contract for contract in contracts.values() if can_be_quoted(contract)]


def _with_prices(rows: Sequence[R], found: Sequence[Quote]) -> list[R]:
    prices = {(quote.exchange, quote.instrument_id): quote for quote in found}
    return [pnl.priced(row, prices.get((row.exchange, row.instrument_id))) for row in rows]


def _needs_quote(row: Holding | Position) -> bool:
    """Whether the row is open, or its day's P&L needs a close that only the quote has."""
    if isinstance(row, Holding):
        return row.held_quantity > 0
    return bool(row.net_quantity) or (bool(row.overnight_quantity) and row.previous_close is None)


def depth(symbol: str, exchange: str = Exchange.NSEEQ) -> CachedValue[Depth]:
    """Return the order book of an instrument. Raises UnknownSymbol, UnknownExchange."""
    contract = resolve(symbol, exchange)
    return _fetch(DEPTH, contract, lambda: _of_instrument(default_client().depth(contract), contract))


def open_interest(symbol: str, exchange: str = Exchange.NSEFO) -> CachedValue[OpenInterest]:
    """Return the open contracts of a derivative. Raises UnknownSymbol, UnknownExchange."""
    contract = resolve(symbol, exchange)
    return _fetch(OPEN_INTEREST, contract, lambda: _of_instrument(default_client().open_interest(contract), contract))


def can_be_quoted(contract: Contract) -> bool:
    """Check the name as well as the id: a row of a book carries whatever name the broker gives, or none."""
    try:
        entry_ref(QUOTES, _key_params(contract))
    except InvalidKeyPart:
        return False
    return bool(contract.instrument_id)


def contract_of(row: Holding | Position | Order) -> Contract:
    """Build a contract from what a book's row has of it, which is enough to request its price."""
    symbol, series = split_symbol(row.exchange, row.trading_symbol)
    return Contract(
        exchange=row.exchange,
        symbol=symbol,
        series=series,
        trading_symbol=row.trading_symbol,
        instrument_id=row.instrument_id,
        name=row.name,
        instrument_type="",
        option_type="",
        strike_price=None,
        expiry=None,
        lot_size=None,
        tick_size=None,
    )


def _load_quotes(contracts: Sequence[Contract]) -> list[Quote | BrokerError | None]:
    loaded: list[Quote | BrokerError | None] = []
    for start in range(0, len(contracts), QUOTES_PER_CALL):
        batch = contracts[start : start + QUOTES_PER_CALL]
        by_id = default_client().quotes(batch)
        strangers = by_id.keys() - {(contract.exchange, contract.instrument_id) for contract in batch}
        for contract in batch:
            quote = by_id.get((contract.exchange, contract.instrument_id))
            if quote:
                loaded.append(_polled(quote, contract))
            else:  # the broker does not quote it, or has answered with another instrument in its place
                loaded.append(_answered_for_another(contract) if strangers else None)
    return loaded


def _polled(quote: Quote, contract: Contract) -> Quote:
    """Fill in what the broker's answer lacks: the symbol, and the time at which it came."""
    symbol = symbol_with_series(contract)
    return msgspec.structs.replace(quote, symbol=symbol, exchange_time=quote.quoted_at, received_at=clock.now())


def _fetch(family: Family[M], contract: Contract, load: Callable[[], M]) -> CachedValue[M]:
    """Read a value of this contract; the cache may hold one of the contract that had the symbol before."""
    recent_reads.note(contract.exchange, (symbol_with_series(contract),), family.name)
    value = fetch(family, _key_params(contract), load)
    if _is_of(contract, value):
        return value
    _invalidate(family)
    return bypass(family, load)


def _is_of(contract: Contract, value: CachedValue[Any]) -> bool:
    return bool(value.value.instrument_id == contract.instrument_id)


def _invalidate(family: Family[Any]) -> None:
    with suppress(StoreUnavailable):
        clear.invalidate(family.name)


def _of_instrument(answer: M, contract: Contract) -> M:
    """Fill in the symbol, because the broker's answer carries only the instrument's id. Raises BrokerAnswerUnclear."""
    if answer.instrument_id != contract.instrument_id or answer.exchange.upper() not in ("", contract.exchange):
        raise _answered_for_another(contract)
    return msgspec.structs.replace(answer, symbol=symbol_with_series(contract), exchange=contract.exchange)


def _answered_for_another(contract: Contract) -> BrokerAnswerUnclear:
    return BrokerAnswerUnclear(f"an answer for another instrument than {contract.exchange} {contract.instrument_id}")


def _raise_or_return(quote: Quote | BrokerError) -> Quote:
    if isinstance(quote, BrokerError):
        raise quote
    return quote


def _key_params(contract: Contract) -> Params:
    return {"exchange": contract.exchange, "symbol": symbol_with_series(contract)}
