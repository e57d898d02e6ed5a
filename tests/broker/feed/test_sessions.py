"""When a market is open, and of which packets are to be expected."""

from datetime import datetime

import pytest

from broker.clock import IST
from broker.feed.sessions import MarketSessions, by_calendar
from broker.stream.packets import MarketStatus
from tests.support.clock import Clock

pytestmark = pytest.mark.django_db

CLOSED, OPEN, SILENT = (True, False), (False, True), (False, False)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=IST)


@pytest.mark.parametrize(
    ("exchange", "time", "expected"),
    [
        ("NSEEQ", "2026-11-27 08:59", CLOSED),
        ("NSEEQ", "2026-11-27 09:05", SILENT),  # pre-open
        ("NSEEQ", "2026-11-27 09:20", OPEN),
        ("NSEEQ", "2026-11-27 15:28", OPEN),
        ("NSEEQ", "2026-11-27 15:35", SILENT),  # after the close
        ("NSEEQ", "2026-11-27 16:01", CLOSED),
        ("NSEEQ", "2026-11-28 11:00", CLOSED),  # a Saturday
        ("NSEEQ", "2026-01-26 11:00", CLOSED),  # Republic Day
        ("NSEEQ", "2026-02-01 11:00", OPEN),  # a Sunday with a session, for the budget
        ("MCXCOMM", "2026-11-27 22:00", OPEN),
        ("NSECURR", "2026-11-27 18:00", SILENT),
        ("NSEEQ", "2031-03-03 11:00", SILENT),  # a Monday of a year whose holidays nobody knows
    ],
)
def test_the_calendar_says(exchange: str, time: str, expected: tuple[bool, bool]) -> None:
    assert by_calendar(exchange, at(time)) == expected


@pytest.fixture
def sessions() -> MarketSessions:
    at_night = MarketSessions(Clock(at("2026-11-27 23:00")))
    at_night.refresh({"NSEEQ"})
    return at_night


def test_a_status_packet_outranks_calendar_and_clock(sessions: MarketSessions) -> None:
    assert sessions.is_closed("NSEEQ")
    assert sessions.note("NSEEQ", MarketStatus.OPENED)
    assert not sessions.is_closed("NSEEQ")
    assert sessions.expects_packets("NSEEQ")
    assert sessions.note("NSEEQ", MarketStatus.HALT)
    assert sessions.is_closed("NSEEQ")
    assert not sessions.expects_packets("NSEEQ")


def test_the_same_status_in_both_spellings_is_news_once(sessions: MarketSessions) -> None:
    assert [sessions.note("NSEEQ", MarketStatus.OPENED) for _ in range(2)] == [True, False]


@pytest.mark.parametrize("code", [MarketStatus.AUCTION_STARTED, MarketStatus.AUCTION_CLOSED, 42])
def test_what_says_nothing_of_the_normal_market_changes_nothing(sessions: MarketSessions, code: int) -> None:
    sessions.note("NSEEQ", MarketStatus.OPENED)
    assert not sessions.note("NSEEQ", code)
    assert sessions.expects_packets("NSEEQ")


def test_in_the_pre_open_session_no_packets_are_expected(sessions: MarketSessions) -> None:
    sessions.note("NSEEQ", MarketStatus.PRE_OPEN_STARTED)
    assert (sessions.is_closed("NSEEQ"), sessions.expects_packets("NSEEQ")) == SILENT


def test_without_its_connection_a_status_is_not_known(sessions: MarketSessions) -> None:
    sessions.note("NSEEQ", MarketStatus.OPENED)
    sessions.forget()
    assert sessions.is_closed("NSEEQ")


def test_of_another_segment_a_status_says_nothing(sessions: MarketSessions) -> None:
    sessions.note("MCXCOMM", MarketStatus.OPENED)
    assert sessions.is_closed("NSEEQ")
