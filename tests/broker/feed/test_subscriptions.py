"""What the feed subscribes, in which order, and up to which number."""

import pytest
from pytest_django.fixtures import Settings

from broker.errors import BrokerUnreachable
from broker.feed import subscriptions
from broker.feed.subscriptions import HEARTBEAT, Planner, Subscription, topics_of
from broker.simulator import Simulator
from broker.stream import topics
from broker.subscriptions import recent_reads, sources
from broker.subscriptions.recent_reads import DEPTH, OPEN_INTEREST, Instrument
from tests.broker.feed.packets import NIFTY, RELIANCE
from tests.support.clock import Clock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_store")]

VIX = Subscription(exchange="NSEEQ", symbol="INDIA VIX", instrument_id="999920019", is_index=True)


@pytest.fixture
def monotonic() -> Clock[float]:
    return Clock(1000.0)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[Instrument]:
    """What the apps above want."""
    found: list[Instrument] = []
    monkeypatch.setattr(sources, "instruments", lambda: found)
    return found


@pytest.fixture
def planner(simulator: Simulator, settings: Settings, watched: list[Instrument], monotonic: Clock[float]) -> Planner:
    settings.IIFL_STREAM_URL = "mqtts://stream.example:8883"
    return Planner(monotonic)


def names(planner: Planner) -> list[str]:
    return [each.symbol for each in planner.plan()]


def test_watched_come_first_then_what_is_held_then_what_was_read(planner: Planner, watched: list[Instrument]) -> None:
    watched.append(Instrument("NSEEQ", "TITAN"))
    recent_reads.note("NSEEQ", ["NIFTY 50"])
    assert planner.read_books()
    found = names(planner)
    assert (found[0], found[-1]) == ("TITAN", "NIFTY 50")
    assert len(found) == len(set(found)) > 2


def test_the_number_is_bounded(planner: Planner, watched: list[Instrument], settings: Settings) -> None:
    settings.IIFL_STREAM_SYMBOLS = 2
    watched += [Instrument("NSEEQ", symbol) for symbol in ("TITAN", "INFY", "TCS")]
    assert names(planner) == ["TITAN", "INFY"]


def test_what_nobody_knows_is_left_out(planner: Planner, watched: list[Instrument]) -> None:
    watched += [Instrument("NSEEQ", "NOSUCH"), Instrument("NOWHERE", "INFY"), Instrument("NSEEQ", "INFY")]
    assert names(planner) == ["INFY"]


def test_depth_and_open_interest_are_wanted_where_they_were_read(
    planner: Planner, watched: list[Instrument], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent_reads, "SEND_INTERVAL", 0)
    watched += [Instrument("NSEEQ", "INFY"), Instrument("NSEEQ", "TCS")]
    recent_reads.note("NSEEQ", ["INFY"], DEPTH)
    recent_reads.note("NSEEQ", ["TCS"], OPEN_INTEREST)
    found = {each.symbol: (each.depth, each.open_interest) for each in planner.plan()}
    assert found == {"INFY": (True, False), "TCS": (False, True)}


def test_a_broker_that_fails_takes_away_nothing(
    planner: Planner, monotonic: Clock[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    planner.read_books()
    held = names(planner)

    def fail() -> None:
        raise BrokerUnreachable("it is away")

    monkeypatch.setattr("broker.gateway.positions", fail)
    monkeypatch.setattr("broker.gateway.holdings", fail)
    monotonic.now += subscriptions.HOLDINGS_INTERVAL
    planner.read_books()
    assert names(planner) == held != []


def test_what_is_held_is_read_once_a_minute_or_after_a_fill(planner: Planner, monotonic: Clock[float]) -> None:
    assert planner.read_books()
    assert not planner.read_books()
    planner.read_books_again()
    assert planner.read_books()
    monotonic.now += subscriptions.POSITIONS_INTERVAL
    assert planner.read_books()


def test_an_index_has_two_topics_and_indias_vix_its_own_segment() -> None:
    assert list(NIFTY.topics()) == [
        "prod/marketfeed/index/v1/nseeq/999920000",
        "prod/marketfeed/mw/v1/nseeq/999920000",
    ]
    assert next(VIX.topics()) == "prod/marketfeed/index/v1/nsefo/999920019"
    assert VIX.key == ("NSEFO", "999920019")


def test_the_accounts_topics_come_first_and_a_heartbeat_always() -> None:
    found = topics_of([RELIANCE], "90000001")
    assert found[:2] == topics.of_account("90000001")
    assert set(topics.of_market_status("NSEEQ")) <= set(found)
    assert HEARTBEAT in found
    assert topics_of([], "90000001")[:2] == topics.of_account("90000001")
