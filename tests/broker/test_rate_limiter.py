"""The broker's limits: who waits, for how long, and what a refused caller is told."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pytest_django.fixtures import Settings

from broker.errors import RateLimitWait
from broker.iifl import rate_limiter
from broker.iifl.rate_limiter import BrokerRateLimiter
from systemcache import timing
from systemcache.rate_limit.limiter import RateLimiter
from systemcache.rate_limit.local import LocalBackend
from tests.support.clock import SleepingClock

pytestmark = pytest.mark.usefixtures("redis_store")


WINDOW = rate_limiter.WINDOW  # as the site has it


@pytest.fixture
def clock() -> SleepingClock:
    return SleepingClock()


@pytest.fixture
def limiter(clock: SleepingClock) -> BrokerRateLimiter:
    """Without Redis, whose clock does not move."""
    shared = LocalBackend(clock)
    return BrokerRateLimiter(RateLimiter(lambda: 1, arrival_timeout=5.0, shared=shared, clock=clock, sleep=clock.sleep))


def call(limiter: BrokerRateLimiter, limit: str) -> None:
    with limiter.slot(limit):
        pass


@pytest.fixture(autouse=True)
def documented_limits(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limiter, "WINDOW", WINDOW)
    settings.IIFL_LIMITS = {"holdings": 3, "contract_files": 2}


def test_calls_within_the_limit_do_not_wait(limiter: BrokerRateLimiter, clock: SleepingClock) -> None:
    for _ in range(3):
        call(limiter, "holdings")
    assert clock.slept == []


def test_the_call_beyond_the_limit_waits_until_the_first_ended_more_than_a_second_ago(
    limiter: BrokerRateLimiter, clock: SleepingClock
) -> None:
    for _ in range(4):
        call(limiter, "holdings")
    assert clock.slept == [pytest.approx(WINDOW)]
    assert WINDOW > 1


def test_each_contract_file_has_a_count_of_its_own(limiter: BrokerRateLimiter, clock: SleepingClock) -> None:
    for file in ("contract_files:NSEEQ", "contract_files:NSEFO"):
        for _ in range(2):
            call(limiter, file)
    assert clock.slept == []


def test_a_wait_that_would_be_too_long_is_refused_at_once_with_the_time_to_come_back(
    settings: Settings, limiter: BrokerRateLimiter, clock: SleepingClock
) -> None:
    settings.IIFL_LIMIT_WAIT = 2
    limiter.pause("holdings", 6.5)
    with pytest.raises(RateLimitWait) as refused:
        call(limiter, "holdings")
    assert refused.value.retry_after == 5
    assert "Try again in 5 s" in str(refused.value)
    assert clock.slept == []


def test_work_that_nobody_waits_for_may_wait_longer(
    settings: Settings, limiter: BrokerRateLimiter, clock: SleepingClock
) -> None:
    settings.IIFL_LIMIT_WAIT = 2
    limiter.pause("holdings", 6.5)
    with rate_limiter.max_wait(60):
        call(limiter, "holdings")
    assert sum(clock.slept) == pytest.approx(6.5)


def test_after_a_429_nobody_calls_for_as_long_as_the_broker_said(
    limiter: BrokerRateLimiter, clock: SleepingClock
) -> None:
    limiter.pause("holdings", 7)
    call(limiter, "holdings")
    assert sum(clock.slept) == pytest.approx(7)


def test_waiting_for_a_slot_is_told_apart_from_the_brokers_time() -> None:
    limiter = BrokerRateLimiter()
    with timing.collect_spans() as spans:
        for _ in range(4):
            call(limiter, "holdings")
    assert spans.total("limiter") > 1.0
    assert spans.total("broker") == 0


def test_a_call_in_flight_counts_until_a_second_after_its_end(settings: Settings) -> None:
    settings.IIFL_LIMITS = {"holdings": 1}
    limiter = BrokerRateLimiter()
    began, ends = threading.Event(), threading.Event()

    def slow() -> float:
        with limiter.slot("holdings"):
            began.set()
            ends.wait(30)
        return time.monotonic()

    def ended_after_a_call() -> float:
        call(limiter, "holdings")
        return time.monotonic()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(slow)
        assert began.wait(30)
        time.sleep(WINDOW)  # a window after its start, the call has not ended
        second = pool.submit(ended_after_a_call)
        assert not second.done()
        ends.set()
        assert second.result(30) - first.result(30) >= 1.0


def test_a_call_behind_calls_that_do_not_end_is_refused(settings: Settings, limiter: BrokerRateLimiter) -> None:
    settings.IIFL_LIMITS = {"holdings": 1}
    settings.IIFL_LIMIT_WAIT = 2
    with limiter.slot("holdings"), pytest.raises(RateLimitWait), limiter.slot("holdings"):
        pytest.fail("two calls at once")
