"""What packets become, and when it is written."""

from datetime import timedelta
from decimal import Decimal
from itertools import count

import msgspec
import pytest

from broker import clock
from broker.feed.prices import PriceTable, Values
from broker.feed.subscriptions import Key
from broker.values import Depth, PriceState, Quote
from tests.broker.feed.packets import INFY, NIFTY, NOW, RELIANCE, index_packet, price_packet
from tests.support.clock import Clock

NEVER_AGAIN = 1e9  # seconds until what was written is written again


class Feed:
    """A price table with the clocks that a test moves; each packet has bytes of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monotonic, self.now = Clock(1000.0), Clock(NOW)
        self.closed: set[str] = set()
        monkeypatch.setattr(clock, "now", self.now)
        self.table = PriceTable(self.closed.__contains__, self.monotonic)
        self.table.subscribe([RELIANCE, INFY, NIFTY])
        self._numbers = count()

    def price(self, ltp: str, *, seconds_ago: float = 0, retained: bool = False, payload: bytes | None = None) -> bool:
        packet = price_packet(ltp, self.now.now - timedelta(seconds=seconds_ago))
        return self.table.price(RELIANCE.key, packet, payload or b"%d" % next(self._numbers), retained)

    def due(self, renew_after: float = NEVER_AGAIN, ill: frozenset[Key] = frozenset()) -> list[Values]:
        found = self.table.due(renew_after, lambda key: key not in ill)
        return [value for each in found for value in each.values]

    def quote(self) -> Quote:
        (quote,) = self.due()
        assert isinstance(quote, Quote)
        return quote

    def sleep(self, seconds: float) -> None:
        self.monotonic.now += seconds
        self.now.now += timedelta(seconds=seconds)


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Feed:
    return Feed(monkeypatch)


def test_a_packet_becomes_a_live_quote_with_both_its_times(feed: Feed) -> None:
    assert feed.price("1421.95", seconds_ago=1)
    quote = feed.quote()
    assert (quote.symbol, quote.ltp, quote.state) == ("RELIANCE", Decimal("1421.95"), PriceState.LIVE)
    assert (quote.change, quote.change_percent) == (Decimal("21.95"), Decimal("1.57"))
    assert quote.exchange_time == NOW - timedelta(seconds=1)
    assert quote.received_at == NOW


def test_a_last_value_that_is_repeated_on_subscribing_is_late_and_no_news(feed: Feed) -> None:
    assert not feed.price("1421.95", seconds_ago=60)
    assert feed.quote().state is PriceState.LATE
    assert feed.table.take_fresh() == []
    assert feed.price("1422.00", seconds_ago=50)  # the next packet is none that is repeated, whatever its time
    feed.sleep(1)
    assert feed.quote().state is PriceState.LIVE


def test_a_retained_packet_is_late(feed: Feed) -> None:
    assert not feed.price("1421.95", retained=True)
    assert feed.quote().state is PriceState.LATE


def test_a_value_that_is_repeated_after_a_reconnection_keeps_its_times(feed: Feed) -> None:
    feed.price("1421.95", payload=b"same")
    feed.quote()
    feed.table.disconnected()
    feed.sleep(30)
    assert not feed.price("1421.95", seconds_ago=30, payload=b"same")
    (repeated,) = feed.due(renew_after=0)
    assert isinstance(repeated, Quote)
    assert (repeated.received_at, repeated.exchange_time, repeated.state) == (NOW, NOW, PriceState.LATE)


def test_a_duplicate_is_no_news_and_stays_live(feed: Feed) -> None:
    feed.price("1421.95", payload=b"same")
    feed.quote()
    assert feed.price("1421.95", payload=b"same")  # the feed goes on, all the same
    assert feed.due() == []
    assert len(feed.table.take_fresh()) == 1
    (quote,) = feed.due(renew_after=0)
    assert isinstance(quote, Quote)
    assert quote.state is PriceState.LIVE


def test_an_older_packet_is_left_out(feed: Feed) -> None:
    feed.price("1421.95")
    feed.price("1400.00", seconds_ago=5)
    assert feed.quote().ltp == Decimal("1421.95")


def test_a_clock_that_goes_back_is_followed_after_some_packets(feed: Feed) -> None:
    feed.price("1421.95")
    for ltp in ("1401.00", "1402.00", "1403.00"):
        feed.price(ltp, seconds_ago=3600)
    assert feed.quote().ltp == Decimal("1403.00")


def test_of_a_closed_market_the_quote_is_closed(feed: Feed) -> None:
    feed.closed.add("NSEEQ")
    feed.price("1421.95")
    assert feed.quote().state is PriceState.CLOSED
    assert feed.table.take_fresh() == []


def test_what_the_broker_repeats_is_no_news_of_a_closed_market_either(feed: Feed) -> None:
    feed.closed.add("NSEEQ")
    feed.price("1421.95", seconds_ago=60)
    (due,) = feed.table.due(NEVER_AGAIN, lambda _: True)
    assert not due.is_news
    feed.price("1422.00")
    feed.sleep(1)
    (due,) = feed.table.due(NEVER_AGAIN, lambda _: True)
    assert due.is_news


def test_when_the_market_closes_its_quotes_are_written_as_closed(feed: Feed) -> None:
    feed.price("1421.95")
    assert feed.quote().state is PriceState.LIVE
    feed.closed.add("NSEEQ")
    feed.table.states_changed("NSEEQ")
    assert feed.quote().state is PriceState.CLOSED


def test_writes_are_conflated_to_four_a_second_and_two_at_once(feed: Feed) -> None:
    written = 0
    for number in range(1000):
        feed.price(f"14{number % 90:02}.00")
        written += len(feed.due())
        feed.sleep(0.01)
    assert 40 <= written <= 42
    feed.sleep(0.3)
    assert feed.quote().ltp == Decimal("1409.00")  # the newest is not lost


def test_what_is_still_true_is_written_again_before_it_expires(feed: Feed) -> None:
    feed.price("1421.95")
    feed.quote()
    feed.sleep(0.5)
    assert feed.due(renew_after=0.6) == []
    feed.sleep(0.2)
    assert len(feed.due(renew_after=0.6)) == 1


def test_what_is_not_known_to_be_well_is_not_written(feed: Feed) -> None:
    feed.price("1421.95")
    assert feed.due(renew_after=0, ill=frozenset({RELIANCE.key})) == []
    assert len(feed.due(renew_after=0)) == 1


def test_a_price_in_doubt_is_not_written_until_a_good_packet_comes(feed: Feed) -> None:
    feed.price("1421.95")
    feed.table.discard(RELIANCE.key)
    assert feed.due(renew_after=0) == []
    feed.price("1422.00")
    feed.sleep(1)
    assert feed.quote().ltp == Decimal("1422.00")


def test_an_instrument_without_a_price_is_not_written(feed: Feed) -> None:
    untraded = msgspec.structs.replace(price_packet(), ltp=None)
    assert not feed.table.price(RELIANCE.key, untraded, b"untraded", False)
    assert feed.due(renew_after=0) == []


def test_depth_is_written_where_somebody_reads_it(feed: Feed) -> None:
    feed.table.subscribe([msgspec.structs.replace(RELIANCE, depth=True), INFY])
    feed.price("1421.95")
    assert [type(value) for value in feed.due()] == [Quote, Depth]


def test_listeners_get_every_live_price(feed: Feed) -> None:
    for ltp in ("1421.95", "1422.00", "1422.05"):
        feed.price(ltp)
    assert [quote.ltp for quote in feed.table.take_fresh()] == [Decimal(x) for x in ("1421.95", "1422.00", "1422.05")]
    assert feed.table.take_fresh() == []


def test_the_first_packet_of_an_index_is_late_because_it_has_no_date(feed: Feed) -> None:
    assert not feed.table.index(NIFTY.key, index_packet(), b"1", False)
    assert feed.quote().state is PriceState.LATE
    feed.sleep(1)
    assert feed.table.index(NIFTY.key, index_packet("22430.00"), b"2", False)
    quote = feed.quote()
    assert (quote.state, quote.ltp, quote.exchange_time) == (PriceState.LIVE, Decimal("22430.00"), None)
    assert (quote.open, quote.high, quote.low, quote.volume) == (None, None, None, None)


def test_price_packets_of_an_index_are_preferred(feed: Feed) -> None:
    feed.table.price(NIFTY.key, price_packet("1430.00"), b"price", False)
    assert not feed.table.index(NIFTY.key, index_packet(), b"index", False)
    assert feed.quote().ltp == Decimal("1430.00")


def test_what_is_not_subscribed_any_more_is_forgotten(feed: Feed) -> None:
    feed.price("1421.95")
    feed.table.subscribe([INFY])
    assert feed.due(renew_after=0) == []
    assert not feed.price("1422.00")
