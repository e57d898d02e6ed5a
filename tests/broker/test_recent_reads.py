"""What is read lately is noted, so that the feed subscribes it."""

import pytest
from pytest_django.fixtures import Settings
from redis import Redis

from broker.subscriptions import recent_reads, sources
from broker.subscriptions.recent_reads import DEPTH, Instrument, note, note_all, read_lately
from systemcache import clock
from tests.support.clock import Clock


@pytest.fixture(autouse=True)
def stream(settings: Settings, redis: Redis) -> None:
    settings.IIFL_STREAM_URL = "mqtts://stream.example:8883"


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> Clock[float]:
    moving = Clock(1000.0)
    monkeypatch.setattr(clock, "monotonic", moving)
    return moving


@pytest.fixture
def timestamp(monkeypatch: pytest.MonkeyPatch) -> Clock[float]:
    moving = Clock(1_800_000_000.0)
    monkeypatch.setattr(clock, "timestamp", moving)
    return moving


def test_what_was_read_is_known_to_all_processes() -> None:
    note("NSEEQ", ["RELIANCE", "INFY"])
    assert set(read_lately()) == {Instrument("NSEEQ", "RELIANCE"), Instrument("NSEEQ", "INFY")}
    assert read_lately(DEPTH) == []


def test_the_latest_comes_first(monotonic: Clock[float], timestamp: Clock[float]) -> None:
    for symbol in ("RELIANCE", "INFY"):
        note("NSEEQ", [symbol])
        monotonic.now += 2
        timestamp.now += 2
    assert [one.symbol for one in read_lately()] == ["INFY", "RELIANCE"]


def test_a_symbol_with_a_blank_comes_back_whole() -> None:
    note_all([("NSEEQ", "NIFTY 50")])
    assert read_lately() == [Instrument("NSEEQ", "NIFTY 50")]


def test_after_five_minutes_it_counts_no_more(timestamp: Clock[float]) -> None:
    note("NSEEQ", ["RELIANCE"])
    timestamp.now += recent_reads.KEEP + 1
    assert read_lately() == []


def test_many_reads_call_redis_once(redis: Redis, monotonic: Clock[float]) -> None:
    note("NSEEQ", ["RELIANCE"])
    before = redis.info("commandstats")["cmdstat_zadd"]["calls"]
    for _ in range(100):
        note("NSEEQ", ["RELIANCE", "INFY"])
    assert redis.info("commandstats")["cmdstat_zadd"]["calls"] == before
    monotonic.now += recent_reads.SEND_INTERVAL
    note("NSEEQ", ["RELIANCE"])
    assert redis.info("commandstats")["cmdstat_zadd"]["calls"] == before + 1
    assert Instrument("NSEEQ", "INFY") in read_lately()


def test_the_newest_are_kept_of_too_many(monotonic: Clock[float], timestamp: Clock[float]) -> None:
    note("NSEEQ", [f"OLD{number}" for number in range(10)])
    monotonic.now += 2
    timestamp.now += 2
    note("NSEEQ", [f"NEW{number}" for number in range(recent_reads.MOST)])
    assert all(one.symbol.startswith("NEW") for one in read_lately())


def test_without_a_stream_nothing_is_noted(settings: Settings) -> None:
    settings.IIFL_STREAM_URL = ""
    note("NSEEQ", ["RELIANCE"])
    assert read_lately() == []


def bad_source() -> list[Instrument]:
    raise RuntimeError("no table")


def good_source() -> list[Instrument]:
    return [Instrument("NSEEQ", "INFY")]


def test_a_source_that_fails_does_not_hide_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"{__name__}.bad_source", f"{__name__}.good_source"]
    monkeypatch.setattr(sources, "import_string", lambda name: globals()[name.rpartition(".")[2]])
    monkeypatch.setattr(sources, "registered", [])
    for name in names:
        sources.register(name)
    assert sources.instruments() == [Instrument("NSEEQ", "INFY")]
    assert "cannot say" in caplog.text
