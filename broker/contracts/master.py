"""The contract master: the table's contracts, replaced when the broker has published a new morning's file."""

import logging
from collections.abc import Sequence

import msgspec
from django.db import connection

from broker import clock
from broker.cache_families import CONTRACTS
from broker.contracts import refresh, table
from broker.contracts.directory import INDEX_EXCHANGES, SymbolDirectory
from broker.contracts.refresh import RefreshResult
from broker.contracts.table import Page
from broker.errors import BrokerError, RefreshUnderWay, UnknownExchange
from broker.iifl.client import default_client
from broker.values import CONTRACT_FILES, Contract, ContractFileInfo, Exchange
from systemcache import process_state
from systemcache.cached_value import CachedValue
from systemcache.codec import Entry
from systemcache.fetching.fetch import bypass, fetch
from systemcache.invalidation import clear
from systemcache.local.ttl_dict import TTLDict

RETRY_INTERVAL = 300.0  # seconds between one process's attempts to refresh a file that is due

logger = logging.getLogger(__name__)


def contracts(exchange: str) -> CachedValue[ContractFileInfo]:
    """Describe the exchange's contracts in the table, fetching the file first if a new one is due.

    Raises UnknownExchange if the broker has no file for the exchange.
    """
    if exchange not in CONTRACT_FILES:
        raise UnknownExchange(exchange, list(CONTRACT_FILES))
    cached = fetch(CONTRACTS, {"exchange": exchange}, lambda: _refresh_if_due(exchange))
    known = table.info(exchange)
    if known is None or _should_refresh(known):
        # Redis has outlived the table's rows, or a new file has come out since the value was cached.
        return bypass(CONTRACTS, lambda: _refresh_if_due(exchange))
    return cached


def contract_page(exchange: str, search: str, start: int, size: int) -> tuple[CachedValue[ContractFileInfo], Page]:
    """Return some of the exchange's contracts, by trading symbol, and how old they are. Raises UnknownExchange."""
    state = contracts(exchange)
    page = table.page(exchange, search, start, size)
    if page is None:
        raise RefreshUnderWay(exchange)
    entry = Entry(page.info.refreshed_at, state.ttl, msgspec.json.encode(page.info))
    age = "stale" if refresh.is_due(page.info, clock.now()) else state.state
    return CachedValue(ContractFileInfo, entry, age, families=state.families, value=page.info), page


def search_contracts(exchange: str, text: str, size: int) -> list[Contract]:
    """Return the contracts whose symbol or name contains the text, the likeliest first. Raises UnknownExchange.

    An index is found under the exchange that quotes it, as far as its file was fetched before.
    """
    contracts(exchange)
    found = table.search(exchange, text, size)
    if exchange in INDEX_EXCHANGES:
        found += table.search(Exchange.INDICES, text, size, exchange)
    return sorted(found, key=lambda contract: table.rank(contract, text))[:size]


def refresh_contracts(exchange: str, *, retry_delays: Sequence[float], accept_short: bool = False) -> RefreshResult:
    """Fetch a contract file now, whatever its age; see refresh.refresh. Raises BrokerError."""
    refreshed = refresh.refresh(
        exchange, default_client().contract_file, retry_delays=retry_delays, accept_short=accept_short
    )
    clear_symbol_cache()
    return refreshed


def invalidate_contracts() -> None:
    """Make every process see the refreshed files. Raises StoreUnavailable."""
    clear.invalidate(CONTRACTS.name)


def resolve(symbol: str, exchange: str = Exchange.NSEEQ) -> Contract:
    """Return the contract of exactly this symbol, such as M&M or RELINFRA-BE. Raises UnknownSymbol, UnknownExchange.

    An index (NIFTY 50) is found in INDICES and under the exchange that quotes it.
    """
    return _directory.resolve(symbol, exchange)


def clear_symbol_cache() -> None:
    """Make the next look-up of each symbol read the table."""
    _directory.clear()
    _attempted.clear()


def _refresh_if_due(exchange: str) -> ContractFileInfo:
    """Refresh the file if the broker has published a new one; keep the old contracts if that fails."""
    known = table.info(exchange)
    if known and not _should_refresh(known):
        return known
    _attempted.set(exchange, True, RETRY_INTERVAL)
    try:
        return refresh_contracts(exchange, retry_delays=refresh.REQUEST_RETRY_DELAYS).info
    except BrokerError as error:
        if known is None:
            raise
        logger.warning(
            "broker: refresh of %s failed, keeping the contracts of %s: %s", exchange, known.refreshed_at, error
        )
        return known


def _should_refresh(known: ContractFileInfo) -> bool:
    """Never inside a transaction: with SQLite it would block every other writer until the download ends."""
    is_due = refresh.is_due(known, clock.now())
    return is_due and not _attempted.get(known.exchange) and not connection.in_atomic_block


_directory = process_state.register(SymbolDirectory(contracts))
_attempted: TTLDict[bool] = process_state.register(TTLDict())
