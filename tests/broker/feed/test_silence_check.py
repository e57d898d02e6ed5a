"""Of a few instruments that are silent, the broker's own quotes say which are mute."""

import pytest

from broker.feed.prices import PriceTable
from broker.feed.silence_check import INTERVAL, SilenceCheck
from broker.simulator import Simulator
from tests.broker.feed.packets import INFY, NIFTY, RELIANCE, index_packet, price_packet
from tests.broker.feed.reading import quote_calls
from tests.support.clock import Clock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_store")]
ALL_TRADED, NONE_TRADED = 1, 4_000_000_000  # the volume in a packet; the broker's is between them


class Silence:
    """Two shares of which the last packet is known, and a check that asks the broker about them."""

    def __init__(self) -> None:
        self.clock = Clock(1000.0)
        self.table = PriceTable(lambda _: False, self.clock)
        self.table.subscribe([RELIANCE, INFY, NIFTY])
        self._check = SilenceCheck(self.table, self.clock)

    def packet(self, key: tuple[str, str], volume: int) -> None:
        self.table.price(key, price_packet(traded_at=None, volume=volume), b"before", False)
        self.table.price(key, price_packet(traded_at=None, volume=volume), b"%d" % volume, False)

    def mute(self, *silent: tuple[str, str], seconds: float = 1.0) -> frozenset[tuple[str, str]]:
        self.clock.now += seconds
        self._check.check(silent)
        return self._check.mute


@pytest.fixture
def silence(simulator: Simulator) -> Silence:
    return Silence()


def test_an_instrument_that_is_traded_and_sends_nothing_is_mute(silence: Silence) -> None:
    silence.packet(RELIANCE.key, ALL_TRADED)
    silence.packet(INFY.key, NONE_TRADED)
    both = (RELIANCE.key, INFY.key)
    assert silence.mute(*both) == frozenset()  # its packet may be on its way
    assert silence.mute(*both) == {RELIANCE.key}


def test_a_packet_that_was_on_its_way_says_that_it_is_not_mute(silence: Silence) -> None:
    silence.packet(RELIANCE.key, ALL_TRADED)
    silence.mute(RELIANCE.key)
    silence.packet(RELIANCE.key, NONE_TRADED)
    assert silence.mute(RELIANCE.key) == frozenset()


def test_with_its_next_packet_it_is_well_again(silence: Silence) -> None:
    silence.packet(RELIANCE.key, ALL_TRADED)
    silence.mute(RELIANCE.key)
    assert silence.mute(RELIANCE.key) == {RELIANCE.key}
    silence.packet(RELIANCE.key, NONE_TRADED)
    assert silence.mute() == frozenset()


def test_an_index_that_the_broker_values_otherwise_is_mute(silence: Silence) -> None:
    for value in ("1.05", "1.10"):
        silence.table.index(NIFTY.key, index_packet(value), value.encode(), False)
    silence.mute(NIFTY.key)
    assert silence.mute(NIFTY.key) == {NIFTY.key}


def test_the_broker_is_asked_seldom_and_not_at_all_if_nothing_is_silent(silence: Silence, simulator: Simulator) -> None:
    silence.packet(RELIANCE.key, NONE_TRADED)
    silence.mute()
    assert quote_calls(simulator) == 0
    for _ in range(round(INTERVAL)):
        silence.mute(RELIANCE.key)
    assert quote_calls(simulator) == 1
    silence.mute(RELIANCE.key)
    assert quote_calls(simulator) == 2


def test_without_the_broker_nothing_is_taken_for_mute(silence: Silence, simulator: Simulator) -> None:
    silence.packet(RELIANCE.key, ALL_TRADED)
    simulator.fail("marketquotes", "500")
    silence.mute(RELIANCE.key)
    assert silence.mute(RELIANCE.key) == frozenset()
