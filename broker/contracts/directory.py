"""Resolves symbols to contracts, and names contracts; a process remembers the symbols it resolved for a minute."""

import time
from collections.abc import Callable

from broker.contracts import table
from broker.errors import UnknownSymbol
from broker.values import Contract, Exchange
from systemcache.local.ttl_dict import TTLDict

SYMBOL_TTL = 60.0  # seconds
# If a symbol has several series, the first of these is the plain share.
SERIES_PRIORITY = ("EQ", "BE", "BZ", "SM", "ST", "")
# Indices have a file of their own; the exchange that quotes them is one of these (iifl_api §5).
INDEX_EXCHANGES = (Exchange.NSEEQ, Exchange.BSEEQ)


class SymbolDirectory:
    """`ensure` makes sure that the table has a file's contracts; it runs once per file and SYMBOL_TTL.

    The size is bounded: a TTLDict keeps only its newest entries.
    """

    def __init__(self, ensure: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._ensure = ensure
        self._ensured: TTLDict[bool] = TTLDict(clock)
        self._known: TTLDict[Contract] = TTLDict(clock)

    def resolve(self, symbol: str, exchange: str) -> Contract:
        """Raises UnknownSymbol, or BrokerError if the contract file was never fetched and cannot be fetched now."""
        name = symbol.strip().upper()
        key = f"{exchange} {name}"
        if known := self._known.get(key):
            return known
        contract = self._look_up(name, exchange)
        if contract is None:
            raise UnknownSymbol(symbol, exchange)
        self._known.set(key, contract, SYMBOL_TTL)
        return contract

    def clear(self) -> None:
        self._ensured.clear()
        self._known.clear()

    def reset(self) -> None:
        self._ensured.reset()
        self._known.reset()

    def _look_up(self, name: str, exchange: str) -> Contract | None:
        if not name.isprintable():  # databases refuse NUL and lone surrogates
            return None
        contract = self._find_in_file(name, exchange)
        if contract is None and exchange in INDEX_EXCHANGES:
            return self._find_in_file(name, Exchange.INDICES, exchange)
        return contract

    def _find_in_file(self, name: str, file: str, exchange: str = "") -> Contract | None:
        if not self._ensured.get(file):
            self._ensure(file)
            self._ensured.set(file, True, SYMBOL_TTL)
        return find(file, name, exchange)


def find(file: str, name: str, exchange: str = "") -> Contract | None:
    """Find the contract with exactly this name (in upper case): by its symbol (RELINFRA), otherwise by its trading
    symbol (RELINFRA-BE). None if it is unknown, or if several contracts could be meant.

    `exchange` keeps those contracts of the file that this exchange quotes.
    """
    for look_up in (table.by_symbol, table.by_trading_symbol):
        found = of_main_series([c for c in look_up(file, name) if c.exchange == exchange or not exchange])
        if len(found) == 1:
            return found[0]
    return None


def of_main_series(same: list[Contract]) -> list[Contract]:
    """Keep the contracts of the first series in SERIES_PRIORITY; all of them if none has such a series."""
    return next((chosen for series in SERIES_PRIORITY if (chosen := [c for c in same if c.series == series])), same)


def symbol_with_series(contract: Contract) -> str:
    """Name a contract by its symbol, and by its series unless that is the plain share's: RELIANCE, RELINFRA-BE."""
    return contract.symbol if contract.series in ("EQ", "") else contract.trading_symbol


def key_symbol(contract: Contract) -> str:
    """Name a contract in a key that has no exchange: outside NSE's shares as SYMBOL@EXCHANGE."""
    symbol = symbol_with_series(contract)
    return symbol if contract.exchange == Exchange.NSEEQ else f"{symbol}@{contract.exchange}"
