"""Finds out by REST whether instruments that have fallen silent are mute or quiet.

Among many instruments the watchdog decides, by how many are silent at once. Of a few it cannot: then the broker is
asked for their quotes, a call every ten seconds at the most. If a quote shows trades of which no packet has come, the
instrument is mute.
"""

import logging
import time
from collections.abc import Callable, Collection

from broker.contracts.master import resolve
from broker.errors import BrokerError
from broker.feed.prices import PriceTable
from broker.feed.subscriptions import Key
from broker.iifl.client import default_client
from broker.values import Quote
from systemcache.errors import CacheError

logger = logging.getLogger(__name__)

INTERVAL = 10.0  # seconds between two calls


class SilenceCheck:
    """`check` is for one thread, which calls it every second; `mute` may be read in any."""

    def __init__(self, table: PriceTable, clock: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._clock = clock
        self._missed: dict[Key, Quote] = {}  # the last pushed quotes of instruments that have been traded since
        self._due = float("-inf")
        self.mute: frozenset[Key] = frozenset()

    def check(self, silent: Collection[Key]) -> None:
        """Look at these instruments. A packet may be on its way, so none is mute before the check after the call."""
        pushed = self._table.live_quotes(silent)
        self._missed = {
            key: quote
            for key, quote in self._missed.items()
            if key in pushed and pushed[key].received_at == quote.received_at
        }
        self.mute = frozenset(self._missed)
        doubtful = {key: quote for key, quote in pushed.items() if key not in self.mute}
        if doubtful and self._clock() >= self._due:
            self._due = self._clock() + INTERVAL
            self._missed |= _traded_since(doubtful)


def _traded_since(pushed: dict[Key, Quote]) -> dict[Key, Quote]:
    """Return those of the quotes that are older than what the broker answers now."""
    try:
        contracts = {key: resolve(quote.symbol, quote.exchange) for key, quote in pushed.items()}
        answered = default_client().quotes(list(contracts.values()))
    except (BrokerError, CacheError) as error:
        logger.debug("feed: silent instruments cannot be checked: %s", error)
        return {}
    found = {key: answered.get((contract.exchange, contract.instrument_id)) for key, contract in contracts.items()}
    return {key: quote for key, quote in pushed.items() if (now := found[key]) and _is_newer(now, quote)}


def _is_newer(answered: Quote, pushed: Quote) -> bool:
    if answered.volume is None or pushed.volume is None:  # an index has none
        return answered.ltp != pushed.ltp
    return answered.volume > pushed.volume
