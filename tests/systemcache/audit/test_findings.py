"""What the auditor counts and keeps, over all processes, and where it shows."""

import logging
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings
from redis import Redis
from rest_framework.test import APIClient

from systemcache import clock, families, process_state
from systemcache.audit import check, findings, sampling
from systemcache.audit.check import CURRENT, NEAR, REDIS, STALE, UNDECIDED, VIOLATION, Answer, Verdict
from systemcache.auth.cache_families import TOKEN
from systemcache.errors import StoreUnavailable
from systemcache.families import Family
from systemcache.fetching.fetch import fetch, peek
from systemcache.fetching.read import entry_ref
from systemcache.models import Cache
from systemcache.stats import counters
from systemcache.storage import audit_records, key_names
from systemcache.storage.breaker import breaker
from tests.support.clock import Clock
from tests.support.source import Source
from tests.support.waiting import eventually
from tests.systemcache.audit.planting import SHOWN, setting_becomes, write_without_a_record
from watchlist import selectors
from watchlist.cache_families import SETTINGS
from watchlist.models import TradingSetting

PAGE = "/admin/systemcache/cache/audit/"
SECRET = Answer(TOKEN, entry_ref(TOKEN, {"sha256": "5ec0ed"}), NEAR)


def row(family: str, layer: str) -> findings.Row:
    return next(one for one in findings.report().rows if (one.family, one.layer) == (family, layer))


def has_checked(number: int) -> bool:
    return row("settings", REDIS).checks == number


@pytest.mark.usefixtures("redis_store")
class TestCounts:
    def test_verdicts_are_added_up_over_processes(self) -> None:
        for _ in range(2):
            findings.record(SHOWN, Verdict(CURRENT))
            findings.record(SHOWN, Verdict(UNDECIDED))
            findings.record(SHOWN, Verdict(VIOLATION, 12.5))
            forget()
        found = findings.report()
        assert (found.checks, found.violations) == (4, 2)
        assert found.evidence.startswith("2 in 4 checks")
        assert row("settings", REDIS) == findings.Row("settings", REDIS, 4, 2, 2, 0, 0, 12.5)
        assert [(one.family, one.layer, one.key, one.staleness) for one in found.latest] == 2 * [
            ("settings", REDIS, "db:settings:all", 12.5)
        ]

    def test_the_largest_staleness_stays(self) -> None:
        for seconds in (3.0, 40.0, 12.0):
            findings.record(SHOWN, Verdict(VIOLATION, seconds))
        forget()
        findings.record(SHOWN, Verdict(VIOLATION, 7.0))
        assert row("settings", REDIS).staleness == 40.0

    def test_the_key_of_a_secret_family_is_not_kept(self, redis: Redis, caplog: pytest.LogCaptureFixture) -> None:
        findings.record(SECRET, Verdict(VIOLATION, 1.0))
        (violation,) = findings.report().latest
        assert (violation.family, violation.key) == ("token", "")
        assert "5ec0ed" not in str(redis.lindex(key_names.violations_key(), 0))
        assert "5ec0ed" not in caplog.text
        assert "found a value of token stale (near)" in caplog.text

    def test_what_somebody_else_has_put_there_is_left_out(self, redis: Redis) -> None:
        redis.lpush(key_names.violations_key(), b"\xff", b"{}", b"[]")
        redis.hset(key_names.audit_key(), mapping={"settings redis": "much", "x": "1"})
        assert findings.report().latest == []
        assert row("settings", REDIS).staleness is None
        redis.set(key_names.violations_key(), "text")
        redis.set(key_names.audit_key(), "text")
        assert findings.report().latest == []
        findings.record(SHOWN, Verdict(VIOLATION, 1.0))
        assert len(findings.report().latest) == 1

    def test_a_finding_waits_for_redis(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def away(*_: object) -> None:
            raise StoreUnavailable("away")

        with monkeypatch.context() as outage:
            outage.setattr(audit_records, "add", away)
            findings.record(SHOWN, Verdict(VIOLATION, 1.0))
            assert findings.report().latest == []
        findings.record(SHOWN, Verdict(VIOLATION, 2.0))
        assert [one.staleness for one in findings.report().latest] == [2.0, 1.0]


def test_what_is_stale_is_invalidated_once_it_is_found(
    setting: TradingSetting, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "PAUSE", 0)
    write_without_a_record(setting_becomes(2))
    assert peek(SETTINGS, {})
    with caplog.at_level(logging.ERROR):
        sampling.audit(SHOWN)
    assert "found db:settings:all stale (redis)" in caplog.text
    assert peek(SETTINGS, {}) is None
    assert "2" in {str(one.value) for one in selectors.trading_settings().value}
    assert row("settings", REDIS).violations == 1


def test_a_check_that_fails_ends_no_thread(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(check, "judge", lambda _: 1 / 0)
    sampling.audit(SHOWN)
    assert "auditing a value of settings failed" in caplog.text


# --- which answers ------------------------------------------------------------------------------------------


def test_hits_are_offered_and_misses_are_not(
    setting: TradingSetting, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.CACHE_AUDIT_EVERY = 1
    taken: list[Answer] = []
    monkeypatch.setattr(sampling, "submit", taken.append)
    selectors.trading_settings()
    assert [answer[:3] for answer in taken] == [SHOWN[:3]]
    setting.save()
    taken.clear()
    selectors.trading_settings()
    assert taken == []


def test_a_share_of_the_hits_is_taken(
    setting: TradingSetting, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    taken: list[Answer] = []
    content = selectors.trading_settings().content
    process_state.reset()
    monkeypatch.setattr(sampling, "submit", taken.append)
    settings.CACHE_AUDIT_EVERY = 10
    for _ in range(10_000):
        sampling.offer(*SHOWN[:3], content)
    assert 850 < len(taken) < 1_150  # five standard deviations
    taken.clear()
    process_state.reset()
    settings.CACHE_AUDIT_EVERY = 0
    for _ in range(1_000):
        sampling.offer(*SHOWN[:3], content)
    assert taken == []


def test_a_thread_looks_at_them_and_ends(
    setting: TradingSetting, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "IDLE", 0.01)
    settings.CACHE_AUDIT_EVERY = 1
    for checks in (1, 2):
        selectors.trading_settings()
        eventually(partial(has_checked, checks))
        eventually(lambda: "cache-auditor" not in {thread.name for thread in threading.enumerate()})


def test_what_nobody_has_time_for_is_not_kept(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(sampling, "IDLE", 0.01)
    audited: list[Answer] = []
    begin = threading.Event()

    def judge(answer: Answer) -> Verdict:
        begin.wait()
        audited.append(answer)
        return Verdict(UNDECIDED)

    monkeypatch.setattr(check, "judge", judge)
    for _ in range(10 * sampling.MAX_WAITING):
        sampling.submit(SHOWN)
    begin.set()
    eventually(lambda: "cache-auditor" not in {thread.name for thread in threading.enumerate()})
    assert sampling.MAX_WAITING <= len(audited) <= sampling.MAX_WAITING + 1


# --- the broker's families ----------------------------------------------------------------------------------


AHEAD: Family[int] = Family("sample_ahead", "sample:ahead", int, ahead=True)


@pytest.fixture
def ahead(redis_store: object, settings: Settings) -> Iterator[Family[int]]:
    """Is refreshed ahead of the end of its 60 s, and shown for ten minutes more while its source fails."""
    settings.CACHE_TTLS = {**settings.CACHE_TTLS, AHEAD.name: 60}
    settings.CACHE_STALE = {**settings.CACHE_STALE, AHEAD.name: 600}
    families.register(AHEAD)
    yield AHEAD
    families.unregister(AHEAD)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Clock[float]:
    moved = Clock(clock.timestamp())
    monkeypatch.setattr(clock, "timestamp", moved)
    return moved


def forget() -> None:
    """Be another process."""
    counters.flush()
    process_state.reset()


def test_values_that_are_refreshed_anyway_are_compared(ahead: Family[int], now: Clock[float]) -> None:
    source = Source(1)
    for later, value in ((0, 1), (50, 1), (50, 2)):
        now.now += later
        source.value = value
        forget()  # one refresh a second and process
        fetch(ahead, {}, source)
    assert source.calls == 3
    found = row(ahead.name, REDIS)
    assert (found.checks, found.refreshes, found.changes, found.staleness) == (0, 2, 1, 50.0)
    assert findings.report().checks == 0  # of our own tables


def test_an_old_value_counts_with_its_age(ahead: Family[int], now: Clock[float]) -> None:
    fetch(ahead, {}, Source(1))
    for later in (100, 500, 59):
        now.now += later
        forget()
        assert fetch(ahead, {}, Source(OSError("the source fails"))).stale
    found = row(ahead.name, STALE)
    assert (found.checks, found.violations, found.staleness) == (3, 0, 659.0)


def test_an_old_value_beyond_its_time_is_a_violation(ahead: Family[int], now: Clock[float]) -> None:
    loaded = fetch(ahead, {}, Source(1))
    now.now += 661
    findings.record_stale(ahead, loaded)
    assert row(ahead.name, STALE).violations == 1


# --- where it shows -----------------------------------------------------------------------------------------


@pytest.fixture
def operator(make_user: Callable[..., User]) -> Client:
    client = Client()
    client.force_login(make_user("asha", Cache.VIEW, is_staff=True))
    return client


@pytest.mark.usefixtures("redis_store")
def test_the_page_says_what_was_found(operator: Client, settings: Settings) -> None:
    settings.CACHE_AUDIT_EVERY = 1_000
    for outcome in (CURRENT, CURRENT, VIOLATION):
        findings.record(SHOWN, Verdict(outcome, 12.5))
    shown = operator.get(PAGE).content.decode()
    assert "One in 1,000 hits" in shown
    assert "1 in 3 checks: 0.0 nines at 95 % confidence" in shown
    assert "<code>db:settings:all</code> (redis), 12.5 s old" in shown


@pytest.mark.usefixtures("redis_store")
def test_the_page_says_that_the_auditor_is_off(operator: Client) -> None:
    shown = operator.get(PAGE).content.decode()
    assert "The auditor is off" in shown
    assert "Nothing has been checked yet." in shown


def test_the_page_says_that_redis_is_away(operator: Client) -> None:
    breaker.failed("away")
    answer = operator.get(PAGE)
    assert answer.status_code == 200
    assert "errornote" in answer.content.decode()


@pytest.mark.usefixtures("redis_store")
def test_the_metrics_have_each_family_and_layer_from_the_start(staff: APIClient) -> None:
    findings.record(SHOWN, Verdict(VIOLATION, 12.5))
    shown = staff.get("/metrics").content.decode()
    assert 'cache_audit_violations_total{family="settings",layer="redis"} 1.0' in shown
    assert 'cache_audit_checks_total{family="settings",layer="redis"} 1.0' in shown
    assert 'cache_audit_staleness_seconds{family="settings",layer="redis"} 12.5' in shown
    assert 'cache_audit_violations_total{family="token",layer="near"} 0.0' in shown
    assert 'cache_audit_violations_total{family="holdings",layer="stale"} 0.0' in shown
