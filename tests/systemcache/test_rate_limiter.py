"""The rate limiter waits, refuses, pauses, and keeps the limit while Redis goes away and comes back.

Processes are limiters that share a back end; time is virtual.
"""

import bisect
import itertools
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from systemcache import timing
from systemcache.errors import StoreUnavailable
from systemcache.rate_limit.backend import Call, Rate
from systemcache.rate_limit.limiter import RateLimiter, WaitTooLong
from systemcache.rate_limit.local import LocalBackend
from tests.support.virtual_time import VirtualTime

ARRIVAL_TIMEOUT = 5.0
LONG = 1000.0


class FakeRedis:
    """A back end that one process reaches while it is not away."""

    def __init__(self, server: LocalBackend) -> None:
        self._server = server
        self.away = False
        self.commands = 0

    def _reach(self) -> LocalBackend:
        self.commands += 1
        if self.away:
            raise StoreUnavailable("away")
        return self._server

    def acquire(self, call: Call, rate: Rate, max_wait: float) -> float:
        return self._reach().acquire(call, rate, max_wait)

    def release(self, call: Call, rate: Rate) -> None:
        self._reach().release(call, rate)

    def pause(self, limit: str, seconds: float) -> None:
        self._reach().pause(limit, seconds)


class Site:
    """Processes, and the times at which their calls start."""

    def __init__(self, processes: int, rate: Rate) -> None:
        self.time = VirtualTime()
        self.rate = rate
        self.server = LocalBackend(self.time.clock)
        self.redis = [FakeRedis(self.server) for _ in range(processes)]
        self.limiters = [
            RateLimiter(
                lambda: processes,
                arrival_timeout=ARRIVAL_TIMEOUT,
                shared=redis,
                clock=self.time.clock,
                sleep=self.time.sleep,
            )
            for redis in self.redis
        ]
        self.starts: list[float] = []

    @property
    def now(self) -> float:
        return self.time.clock()

    def call(self, process: int = 0, *, takes: float = 0.0, max_wait: float = LONG, after: float = 0.0) -> float:
        """Seconds that the call waited."""
        if after:
            self.time.sleep(after)
        with self.limiters[process].slot("orders", self.rate, max_wait=max_wait) as waited:
            bisect.insort(self.starts, self.now)
            if takes:
                self.time.sleep(takes)
        return waited

    def run(self, *tasks: Callable[[], object]) -> list[float]:
        """Run tasks side by side; returns when calls started, counted from now."""
        began = self.now
        self.time.run(tasks)
        return [at - began for at in self.starts]

    def set_away(self, away: bool) -> None:
        for redis in self.redis:
            redis.away = away

    def most_in_a_window(self) -> int:
        # A thousandth less than the window: starts that are exactly a window apart are not in the same one.
        width = self.rate.window - 0.001
        return max(bisect.bisect(self.starts, at + width) - n for n, at in enumerate(self.starts))


def test_calls_within_the_limit_do_not_wait_and_cost_two_commands_each() -> None:
    site = Site(1, Rate(3, 10.0))
    assert [site.call() for _ in range(3)] == [0, 0, 0]
    assert site.redis[0].commands == 6


def test_calls_beyond_the_limit_wait_a_window_for_the_end_of_those_before() -> None:
    site = Site(2, Rate(2, 10.0))
    starts = site.run(*[partial(site.call, process, takes=0.5) for process in (0, 1, 0, 1, 0)])
    assert starts == [0, 0, 10.5, 10.5, 21]


def test_waiting_is_reported_to_the_caller_and_to_the_timing_of_the_request() -> None:
    limiter, rate = RateLimiter(lambda: 1, arrival_timeout=ARRIVAL_TIMEOUT, shared=LocalBackend()), Rate(1, 0.05)
    with timing.collect_spans() as spans:
        for _ in range(2):
            with limiter.slot("orders", rate, max_wait=LONG) as waited:
                pass
    assert 0.04 < waited <= spans.total("limiter")


def test_a_call_that_would_wait_too_long_is_refused_at_once_with_the_seconds_to_come_back() -> None:
    site = Site(2, Rate(1, 10.0))
    site.call(0)
    for _ in range(2):  # a refused call makes nobody wait longer
        with pytest.raises(WaitTooLong) as refused:
            site.call(1, max_wait=4)
        assert refused.value.retry_after == 6
    assert site.now == site.starts[0]


def test_a_call_behind_calls_that_do_not_end_is_refused_within_a_window_of_its_longest_wait() -> None:
    site = Site(1, Rate(1, 2.0))
    refused_at: list[float] = []

    def second() -> None:
        with pytest.raises(WaitTooLong):
            site.call(after=0.5, max_wait=3)
        refused_at.append(site.now - site.starts[0])

    site.run(partial(site.call, takes=60), second)
    assert 3 < refused_at[0] <= 0.5 + 3 + 2


def test_a_call_that_fails_frees_its_slot_a_window_later() -> None:
    site = Site(1, Rate(1, 2.0))

    def failing() -> None:
        with pytest.raises(ZeroDivisionError), site.limiters[0].slot("orders", site.rate, max_wait=LONG):
            raise ZeroDivisionError

    assert site.run(failing, partial(site.call, after=1)) == [2]


@pytest.mark.parametrize("away", [False, True])
def test_a_pause_is_heeded_by_all_processes_and_by_its_own_without_redis(away: bool) -> None:
    site = Site(2, Rate(3, 1.0))
    site.set_away(away)
    site.limiters[0].pause("orders", 30.0)
    assert site.run(partial(site.call, 0 if away else 1)) == [30]


def test_without_redis_a_process_makes_no_call_for_a_window_and_then_keeps_to_its_share() -> None:
    site = Site(2, Rate(4, 10.0))
    site.set_away(True)
    assert site.run(*[partial(site.call, 0) for _ in range(5)]) == [10, 10, 20, 20, 30]


def test_with_more_processes_than_calls_their_shares_hold_on_average() -> None:
    site = Site(5, Rate(3, 1.0))
    site.set_away(True)
    starts = site.run(*[partial(site.call, process) for process in range(5) for _ in range(13)])
    assert max(starts) - min(starts) == pytest.approx(12 * 5 / 3)  # 60 calls at three a second


def test_calls_that_redis_has_allowed_count_when_it_is_gone() -> None:
    site = Site(1, Rate(1, 2.0))

    def lose_redis() -> None:
        site.time.sleep(0.1)
        site.set_away(True)

    assert site.run(partial(site.call, takes=4), lose_redis, partial(site.call, after=0.2)) == [0, 6]


def test_a_process_keeps_to_its_share_until_the_others_must_have_found_redis_too(settings: Settings) -> None:
    settings.CACHE_BREAKER_PAUSE, settings.CACHE_RECOVERY_INTERVAL = 2.0, 0.5
    site = Site(2, Rate(2, 1.0))
    site.set_away(True)

    def redis_returns() -> None:
        site.time.sleep(1.5)
        site.set_away(False)

    early = [partial(site.call, 0, after=n / 64) for n in range(4)]
    late = [partial(site.call, 0, after=at) for at in (5.25, 5.375, 8.0, 8.0)]
    # Redis answers from 2 s on; until 3.5 s later the other process may not have found it.
    assert site.run(redis_returns, *early, *late) == [1, 2, 3, 4, 5.25, 6.25, 8, 8]


def test_a_limiter_that_is_reset_has_forgotten_its_calls_and_the_outage() -> None:
    site = Site(2, Rate(2, 10.0))
    site.set_away(True)
    site.run(partial(site.call, 0))
    site.set_away(False)
    site.limiters[0].reset()
    assert site.run(*[partial(site.call, 0) for _ in range(2)])[1:] == [0, 0]


@pytest.mark.parametrize(
    ("rate", "processes", "share"),
    [
        (Rate(3, 1.25), 1, Rate(3, 1.25)),
        (Rate(10, 1.25), 4, Rate(2, 1.25)),
        (Rate(3, 1.25), 4, Rate(1, 5 / 3)),
        (Rate(2, 1.0), 100, Rate(1, 50.0)),
    ],
)
def test_all_shares_together_are_no_more_than_the_rate(rate: Rate, processes: int, share: Rate) -> None:
    found = rate.share(processes)
    assert found.calls == share.calls
    assert found.window == pytest.approx(share.window)
    assert found.calls / found.window * processes <= rate.calls / rate.window + 1e-9
    assert found.calls * processes <= rate.calls or processes > rate.calls


delays = st.floats(0.0, 1.0)


@hypothesis_settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    processes=st.integers(1, 3),
    spare=st.integers(0, 2),
    outage=st.floats(8.0, 12.0),
    found_after=st.tuples(*[st.floats(0.0, 2.5)] * 3),
    pauses=st.lists(delays, min_size=1, max_size=20),
    durations=st.lists(delays, min_size=1, max_size=20),
)
def test_no_window_holds_more_than_the_limit_while_redis_goes_away_and_comes_back_empty(
    settings: Settings,
    processes: int,
    spare: int,
    outage: float,
    found_after: tuple[float, ...],
    pauses: list[float],
    durations: list[float],
) -> None:
    settings.CACHE_BREAKER_PAUSE, settings.CACHE_RECOVERY_INTERVAL = 2.0, 0.5
    site = Site(processes, Rate(processes + spare, 1.0))
    end = site.now + 40

    def work(process: int) -> None:
        for pause, duration in zip(itertools.cycle(pauses), itertools.cycle(durations)):
            site.call(process, takes=duration, after=pause)
            if site.now > end:
                return

    def redis_restarts() -> None:
        site.time.sleep(5)
        site.set_away(True)
        site.time.sleep(outage)
        site.server.reset()

    def find_again(process: int) -> None:
        site.time.sleep(5 + outage + found_after[process])
        site.redis[process].away = False

    workers = [partial(work, process) for process in range(processes) for _ in range(4)]
    starts = site.run(redis_restarts, *[partial(find_again, process) for process in range(processes)], *workers)
    assert site.most_in_a_window() <= site.rate.calls
    assert any(6 < at < 5 + outage for at in starts)
    assert any(at > 5 + outage + 6 for at in starts)
