"""Writes what the feed knows to the cache, a few times a second, and publishes what is new.

A value that is pushed lives for the family's TTL, 2 seconds. While the feed is known to be well, what it knows is
written again before that, changed or not. So nothing has to notice that a feed is dead, stopped or mute: its values
expire, and the next read asks the broker.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from broker import events
from broker.cache_families import DEPTH, OPEN_INTEREST, QUOTES
from broker.feed.meters import WRITES
from broker.feed.prices import Due, PriceTable
from broker.feed.subscriptions import Key, Subscription
from broker.values import Depth, OpenInterest, Quote
from systemcache import clock, codec
from systemcache.errors import StoreUnavailable
from systemcache.families import Family
from systemcache.fetching.push import Outcome, Publisher
from systemcache.keys import Params
from systemcache.storage.leader_lock import LeaderLock

logger = logging.getLogger(__name__)

RENEW_AT = 0.3  # of the TTL
FAMILIES: dict[type, Family[Any]] = {Quote: QUOTES, Depth: DEPTH, OpenInterest: OPEN_INTEREST}


class Writer:
    """For one thread. `invalidated` is called when somebody has invalidated prices, before they are written again."""

    def __init__(self, lock: LeaderLock, table: PriceTable, invalidated: Callable[[], None]) -> None:
        self._table = table
        self._invalidated = invalidated
        self._publishers = {family.name: Publisher(family, lock) for family in FAMILIES.values()}
        self._adopted: set[str] = set()

    def flush(self, is_well: Callable[[Key], bool]) -> None:
        """Write what is due. Raises StoreUnavailable."""
        looked_at = clock.now()
        due = self._table.due(RENEW_AT * QUOTES.ttl, is_well)
        if not due:
            return
        try:
            outcome = self._push(due, looked_at)
        except StoreUnavailable:
            self._table.write_again()
            raise
        if outcome is not Outcome.STORED:
            self._table.write_again()
        if outcome is not Outcome.NOT_LEADING:
            events.publish_quotes(_news(due))

    def withdraw(self, subscriptions: Sequence[Subscription]) -> None:
        """Remove the values of these instruments at once. Raises StoreUnavailable."""
        for publisher in self._publishers.values():
            publisher.withdraw([_params(each.exchange, each.symbol) for each in subscriptions])

    def _push(self, due: Sequence[Due], looked_at: datetime) -> Outcome:
        """Push to each family; return the worst outcome."""
        values: defaultdict[str, list[tuple[Params, bytes]]] = defaultdict(list)
        for each in due:
            for value in each.values:
                params = _params(value.exchange, value.symbol)
                values[FAMILIES[type(value)].name].append((params, codec.encode(value)))
        worst = Outcome.STORED
        for family, pushed in values.items():
            outcome = self._publishers[family].push(pushed, looked_at)
            if outcome is Outcome.STORED:
                WRITES.add(family, len(pushed))
                continue
            worst = min(worst, outcome)
            if outcome is Outcome.INVALIDATED and family in self._adopted:
                logger.info("feed: %s were invalidated; they are looked up and written again", family)
                self._invalidated()
            self._adopted.add(family)
        return worst


def _news(due: Iterable[Due]) -> list[Quote]:
    """Return the quotes to publish: not those that the broker has only repeated."""
    return [value for each in due if each.is_news for value in each.values if isinstance(value, Quote)]


def _params(exchange: str, symbol: str) -> Params:
    return {"exchange": exchange, "symbol": symbol}
