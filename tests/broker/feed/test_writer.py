"""What the writer stores, and what it tells programs."""

from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from broker import clock, events
from broker.cache_families import QUOTES
from broker.feed.prices import PriceTable
from broker.feed.writer import Writer
from broker.values import PriceState, Quote
from systemcache.fetching.fetch import peek
from systemcache.invalidation import clear
from systemcache.storage.leader_lock import LeaderLock
from tests.broker.feed.packets import RELIANCE, price_packet
from tests.support.clock import Clock

KEY = {"exchange": "NSEEQ", "symbol": "RELIANCE"}


class Site:
    """A writer, and what came of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.told: list[Quote] = []
        self.invalidations = 0
        self.monotonic = Clock(1000.0)
        monkeypatch.setattr(events, "publish_quotes", self.told.extend)
        self.lock = LeaderLock("feed", 60)
        assert self.lock.acquire()
        self.table = PriceTable(lambda _: False, self.monotonic)
        self.table.subscribe([RELIANCE])
        self.writer = Writer(self.lock, self.table, self._invalidated)

    def _invalidated(self) -> None:
        self.invalidations += 1

    def price(self, ltp: str, *, seconds_ago: float = 0) -> None:
        packet = price_packet(ltp, clock.now() - timedelta(seconds=seconds_ago))
        self.table.price(RELIANCE.key, packet, ltp.encode(), False)

    def flush(self) -> None:
        """Twice: after an invalidation the first time only learns of it."""
        for _ in range(2):
            self.writer.flush(lambda _: True)
        self.monotonic.now += 1

    def stored(self) -> Any:
        value = peek(QUOTES, KEY)
        return value.value if value else None


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, redis: Redis) -> Site:
    return Site(monkeypatch)


def test_a_price_is_stored_and_told_once(site: Site) -> None:
    site.price("1421.95")
    site.flush()
    assert (str(site.stored().ltp), site.stored().state) == ("1421.95", PriceState.LIVE)
    assert [str(quote.ltp) for quote in site.told] == ["1421.95"]


def test_what_is_written_again_is_told_no_more(site: Site) -> None:
    site.price("1421.95")
    for _ in range(3):
        site.flush()
    assert len(site.told) == 1


def test_what_the_broker_repeats_is_stored_as_late_and_not_told(site: Site) -> None:
    site.price("1421.95", seconds_ago=60)
    site.flush()
    assert site.stored().state is PriceState.LATE
    assert site.told == []


def test_after_an_invalidation_it_looks_again_before_it_stores(site: Site) -> None:
    site.price("1421.95")
    site.flush()
    clear.invalidate(QUOTES.name)
    site.writer.flush(lambda _: True)
    assert site.stored() is None
    assert site.invalidations == 1
    site.flush()
    assert str(site.stored().ltp) == "1421.95"


def test_a_process_that_leads_no_more_stores_and_tells_nothing(site: Site) -> None:
    site.price("1421.95")
    site.flush()
    site.lock.release()
    assert LeaderLock("feed", 60).acquire()
    site.price("1422.00")
    site.flush()
    assert str(site.stored().ltp) == "1421.95"
    assert len(site.told) == 1


def test_what_is_withdrawn_is_gone_at_once(site: Site) -> None:
    site.price("1421.95")
    site.flush()
    site.writer.withdraw([RELIANCE])
    assert site.stored() is None
