"""Symbols to contracts, exactly: a look-up by index in the table, what it found kept in the process for a minute."""

import time
from collections.abc import Callable

from broker import contract_table
from broker.errors import UnknownSymbol
from broker.values import Contract, Exchange
from systemcache.recent import Recent

LIFE = 60.0  # seconds
# Of several series of one symbol, the one that is traded as the plain share.
SERIES = ("EQ", "BE", "BZ", "SM", "ST", "")
# Indices are in a file of their own; the exchange that quotes them is one of these (iifl_api §5).
QUOTING_INDICES = (Exchange.NSEEQ, Exchange.BSEEQ)


class SymbolDirectory:
    """`ensure` sees to it that the table has a file's contracts; it is asked once a LIFE and file.

    Bounded: a Recent keeps its youngest entries only.
    """

    def __init__(self, ensure: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._ensure = ensure
        self._ensured: Recent[bool] = Recent(clock)
        self._known: Recent[Contract] = Recent(clock)

    def resolve(self, symbol: str, exchange: str) -> Contract:
        """Raises UnknownSymbol, or a BrokerError when the contract file was never had and cannot be."""
        name = symbol.strip().upper()
        key = f"{exchange} {name}"
        if known := self._known.get(key):
            return known
        # Databases refuse NUL and half characters.
        found = self._look_up(name, exchange) if name.isprintable() else None
        if found is None:
            raise UnknownSymbol(symbol, exchange)
        self._known.keep(key, found, LIFE)
        return found

    def forget(self) -> None:
        self._ensured.clear()
        self._known.clear()

    def _look_up(self, name: str, exchange: str) -> Contract | None:
        return self._in_file(name, exchange) or (self._index(name, exchange) if exchange in QUOTING_INDICES else None)

    def _index(self, name: str, exchange: str) -> Contract | None:
        found = self._in_file(name, Exchange.INDICES)
        return found if found and found.exchange == exchange else None

    def _in_file(self, name: str, file: str) -> Contract | None:
        if not self._ensured.get(file):
            self._ensure(file)
            self._ensured.keep(file, True, LIFE)
        return find(file, name)


def find(file: str, name: str) -> Contract | None:
    """The contract of exactly this name (in upper case) in the table: by its symbol (RELINFRA), else by its trading
    symbol (RELINFRA-BE); None for an unknown one and for one that several series could mean."""
    found = _only(main_series(contract_table.by_symbol(file, name)))
    if found is None:
        named = contract_table.by_trading_symbol(file, name)
        found = named[-1] if named else None
    return found


def main_series(same: list[Contract]) -> list[Contract]:
    """Of the contracts of one symbol those of the series that comes first; all of them when none is in SERIES."""
    return next((chosen for series in SERIES if (chosen := [c for c in same if c.series == series])), same)


def _only(found: list[Contract]) -> Contract | None:
    return found[0] if len(found) == 1 else None
