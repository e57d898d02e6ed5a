"""The broker's limits: waiting for a turn, how long, and who pays for coming late."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pytest_django.fixtures import Settings

from broker import limits
from broker.errors import NoTurn
from broker.limits import SharedLimiter
from systemcache import timing, turns

pytestmark = pytest.mark.usefixtures("redis_store")


class Clock:
    """Moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def made(clock: Clock) -> SharedLimiter:
    return SharedLimiter(clock, clock.sleep)


def call(limiter: SharedLimiter, family: str) -> None:
    with limiter.turn(family):
        pass


@pytest.fixture(autouse=True)
def documented(settings: Settings) -> None:
    settings.IIFL_LIMITS = {"holdings": 3, "contract_files": 2}


@pytest.fixture
def punctual(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that sleeping moves, and calls that arrive in the moment of their turn: Redis's clock does not move."""
    monkeypatch.setattr(turns, "enter", lambda *_: 0.0)
    return Clock()


def test_calls_within_the_limit_do_not_wait(punctual: Clock) -> None:
    for _ in range(3):
        call(made(punctual), "holdings")
    assert punctual.slept == []


def test_the_call_beyond_waits_until_the_first_is_more_than_a_second_old(punctual: Clock) -> None:
    for _ in range(4):
        call(made(punctual), "holdings")
    assert len(punctual.slept) == 1
    assert 1.0 < punctual.slept[0] <= limits.WINDOW


def test_a_part_with_a_count_of_its_own_does_not_wait_for_another(punctual: Clock) -> None:
    for file in ("contract_files:NSEEQ", "contract_files:NSEFO"):
        for _ in range(2):
            call(made(punctual), file)
    assert punctual.slept == []


def test_a_wait_beyond_patience_is_refused_at_once_with_the_time_to_come_back(
    settings: Settings, punctual: Clock
) -> None:
    settings.IIFL_LIMIT_WAIT = 2
    limiter = made(punctual)
    with limits.patience(60):
        for _ in range(15):
            call(limiter, "holdings")
    slept = list(punctual.slept)
    with pytest.raises(NoTurn) as refused:
        call(limiter, "holdings")
    assert refused.value.retry_after in (3, 4, 5)
    assert "Try again in" in str(refused.value)
    assert punctual.slept == slept


def test_after_a_429_nobody_calls_for_as_long_as_the_broker_said(punctual: Clock) -> None:
    limiter = made(punctual)
    limiter.pause("holdings", 7)
    call(limiter, "holdings")
    assert 6.5 < sum(punctual.slept) <= 7


def test_waiting_for_a_turn_is_told_apart_from_the_brokers_time() -> None:
    limiter = SharedLimiter()
    with timing.gathered() as spans:
        for _ in range(4):
            call(limiter, "holdings")
    assert spans.total("limiter") > 1.0
    assert spans.total("broker") == 0


def test_a_call_on_its_way_counts_until_a_second_after_its_end(settings: Settings) -> None:
    settings.IIFL_LIMITS = {"holdings": 1}
    limiter = SharedLimiter()
    began, ends = threading.Event(), threading.Event()

    def slow() -> float:
        with limiter.turn("holdings"):
            began.set()
            ends.wait(30)
        return time.monotonic()

    def ended_after_a_call() -> float:
        call(limiter, "holdings")
        return time.monotonic()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(slow)
        assert began.wait(30)
        time.sleep(limits.WINDOW)  # its turn is over, the call is not
        second = pool.submit(ended_after_a_call)
        assert not second.done()
        ends.set()
        assert second.result(30) - first.result(30) >= 1.0


def test_who_waits_longer_than_patience_for_calls_that_do_not_end_is_refused(settings: Settings) -> None:
    settings.IIFL_LIMITS = {"holdings": 1}
    settings.IIFL_LIMIT_WAIT = 2
    clock = Clock()
    with SharedLimiter().turn("holdings"), pytest.raises(NoTurn), made(clock).turn("holdings"):
        pytest.fail("two calls at once")
