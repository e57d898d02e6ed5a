"""Symbols to contracts, exactly: an index over an exchange's contract file, kept in the process for a minute.

The minute spares each look-up the decoding of a whole file; the file itself comes through the cache.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable

from broker.errors import BrokerError, UnknownSymbol
from broker.values import Contract

logger = logging.getLogger(__name__)

INDEX_LIFE = 60.0  # seconds
# Of several series of one symbol, the one that is traded as the plain share.
SERIES = ("EQ", "BE", "BZ", "SM", "ST", "")


class SymbolIndex:
    """Contracts of one exchange by trading symbol (RELINFRA-BE) and by plain symbol (RELINFRA)."""

    def __init__(self, contracts: Iterable[Contract]) -> None:
        self._by_trading_symbol: dict[str, Contract] = {}
        self._by_symbol: dict[str, list[Contract]] = defaultdict(list)
        for contract in contracts:
            self._by_trading_symbol[contract.trading_symbol.upper()] = contract
            self._by_symbol[contract.symbol.upper()].append(contract)

    def find(self, symbol: str) -> Contract | None:
        """The contract of exactly this name; None for an unknown one and for one that several series could mean."""
        wanted = symbol.strip().upper()
        return _only(_main_series(self._by_symbol.get(wanted, []))) or self._by_trading_symbol.get(wanted)


def _main_series(same: list[Contract]) -> list[Contract]:
    """Of the contracts of one symbol those of the series that comes first; all of them when none is in SERIES."""
    return next((chosen for series in SERIES if (chosen := [c for c in same if c.series == series])), same)


def _only(found: list[Contract]) -> Contract | None:
    return found[0] if len(found) == 1 else None


class SymbolDirectory:
    """One index an exchange, made anew from `load` when it is older than INDEX_LIFE.

    While the contract file cannot be had the old index serves on: what is cached of its symbols stays within reach.
    """

    def __init__(self, load: Callable[[str], list[Contract]], clock: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._clock = clock
        self._lock = threading.Lock()
        self._indexes: dict[str, tuple[float, SymbolIndex]] = {}

    def resolve(self, symbol: str, exchange: str) -> Contract:
        """Raises UnknownSymbol, or a BrokerError when the contract file cannot be had."""
        contract = self._index(exchange).find(symbol)
        if contract is None:
            raise UnknownSymbol(symbol, exchange)
        return contract

    def forget(self) -> None:
        with self._lock:
            self._indexes.clear()

    def _index(self, exchange: str) -> SymbolIndex:
        made, index = self._indexes.get(exchange, (0.0, None))
        if index is None or self._clock() - made >= INDEX_LIFE:
            index = self._made(exchange, index)
            with self._lock:
                self._indexes[exchange] = (self._clock(), index)
        return index

    def _made(self, exchange: str, old: SymbolIndex | None) -> SymbolIndex:
        try:
            return SymbolIndex(self._load(exchange))
        except BrokerError as error:
            if old is None:
                raise
            logger.warning("broker: symbols of %s are those known before: %s", exchange, error)
            return old
