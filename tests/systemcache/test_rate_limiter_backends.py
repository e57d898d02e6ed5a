"""Both back ends of the rate limiter keep one contract. Time is moved: this process's clock, and that of Redis."""

import heapq
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from systemcache.errors import StoreUnavailable
from systemcache.rate_limit.backend import Backend, Call, Rate
from systemcache.rate_limit.local import LocalBackend
from systemcache.rate_limit.shared import SharedBackend
from systemcache.storage import key_names, rate_limits
from tests.support.clock import Clock

COUNTS_FOR = 6.0  # seconds for which a call counts that nobody releases
EVER = 1e6  # seconds that nobody waits
NEVER = float("inf")
TICK = 1 / 64  # a second's part that floats and microseconds hold exactly
START = 1_700_000_000.0


class MovableClock(Protocol):
    now: float


class RedisClock:
    """A key that the scripts read in place of TIME."""

    KEY = "test-clock"
    SOURCE = f"redis.call('HMGET', '{KEY}', 'seconds', 'microseconds')"

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.now = START

    @property
    def now(self) -> float:
        return self._now

    @now.setter
    def now(self, now: float) -> None:
        self._now = now
        seconds, microseconds = divmod(round(now * 1_000_000), 1_000_000)
        self._redis.hset(self.KEY, mapping={"seconds": seconds, "microseconds": microseconds})


@dataclass
class Subject:
    backend: Backend
    clock: MovableClock


@pytest.fixture(params=["local", "shared"])
def subject(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Subject:
    if request.param == "local":
        clock = Clock(START)
        return Subject(LocalBackend(clock), clock)
    redis = request.getfixturevalue("redis")
    for name in ("ACQUIRE", "RELEASE", "PAUSE"):
        script = getattr(rate_limits, name)
        assert "redis.call('TIME')" in script
        monkeypatch.setattr(rate_limits, name, script.replace("redis.call('TIME')", RedisClock.SOURCE))
    return Subject(SharedBackend(), RedisClock(redis))


def test_a_process_forgets_calls_that_no_longer_count() -> None:
    clock, rate = Clock(START), Rate(3, 10.0)
    backend = LocalBackend(clock)
    for _ in range(30):
        call = Call("orders", clock.now, COUNTS_FOR)
        clock.now += backend.acquire(call, rate, EVER)
        backend.acquire(call, rate, EVER)
        counted_by_redis = Call("orders", clock.now, COUNTS_FOR)
        backend.count(counted_by_redis)
        backend.release(call, rate)
        backend.release(counted_by_redis, rate)
        clock.now += rate.window
    assert backend.size() <= 2


def test_what_counts_calls_in_redis_ends(redis: Redis) -> None:
    backend, rate = SharedBackend(), Rate(3, 10.0)
    call = Call("orders", time.time(), COUNTS_FOR)
    assert backend.acquire(call, rate, EVER) == 0
    backend.release(call, rate)
    backend.pause("orders", 5.0)
    names = list(redis.scan_iter("calls:*"))
    assert [0 < redis.ttl(name) < 60 for name in names] == [True]


class Asking:
    """Calls of one limit, by the order in which they are named first."""

    def __init__(self, subject: Subject, rate: Rate, limit: str = "orders") -> None:
        self._tested, self._rate, self._limit = subject, rate, limit
        self._calls: dict[str, Call] = {}

    def call(self, name: str) -> Call:
        """Names in capitals are urgent calls."""
        if name not in self._calls:
            self._tested.clock.now += TICK  # so that no two ask at the same time
            self._calls[name] = Call(self._limit, self._tested.clock.now, COUNTS_FOR, urgent=name.isupper())
        return self._calls[name]

    def acquire(self, name: str, max_wait: float = EVER) -> float:
        return self._tested.backend.acquire(self.call(name), self._rate, max_wait)

    def release(self, name: str) -> None:
        self._tested.backend.release(self.call(name), self._rate)


def test_as_many_calls_as_the_limit_allows_start_at_once(subject: Subject) -> None:
    calls = Asking(subject, Rate(3, 10.0))
    assert [calls.acquire(name) for name in "abc"] == [0, 0, 0]
    assert calls.acquire("d") > 0


def test_limits_do_not_share_their_slots(subject: Subject) -> None:
    assert [Asking(subject, Rate(1, 10.0), limit).acquire("a") for limit in ("orders", "trades")] == [0, 0]


def test_a_call_counts_while_it_is_in_flight_and_a_window_longer(subject: Subject) -> None:
    calls = Asking(subject, Rate(1, 2.0))
    calls.acquire("a")
    subject.clock.now += 3
    assert calls.acquire("b") == 2  # if a ended now
    subject.clock.now += 1
    calls.release("a")
    subject.clock.now += 1
    assert calls.acquire("b") == 1
    subject.clock.now += 1
    assert calls.acquire("b") == 0


def test_a_call_that_is_never_released_counts_no_longer_than_it_can_take_to_arrive(subject: Subject) -> None:
    calls = Asking(subject, Rate(1, 2.0))
    calls.acquire("a")
    subject.clock.now += COUNTS_FOR - 1
    assert calls.acquire("b") == 1 - TICK  # b asked a tick later
    subject.clock.now += 1
    assert calls.acquire("b") == 0


def test_a_call_that_ends_when_it_no_longer_counts_does_not_count_again(subject: Subject) -> None:
    calls = Asking(subject, Rate(1, 2.0))
    calls.acquire("a")
    subject.clock.now += COUNTS_FOR
    calls.acquire("b")
    calls.release("b")
    subject.clock.now += 1
    calls.release("a")
    subject.clock.now += 1
    assert calls.acquire("c") == 0


def test_each_window_of_waiting_calls_comes_a_window_later(subject: Subject) -> None:
    calls = Asking(subject, Rate(2, 2.0))
    assert [calls.acquire(name) for name in "abcdefg"] == [0, 0, 2, 2, 4, 4, 6]


def test_a_call_that_asks_again_keeps_its_place(subject: Subject) -> None:
    calls = Asking(subject, Rate(1, 2.0))
    assert [calls.acquire(name) for name in "abc"] == [0, 2, 4]
    assert [calls.acquire(name) for name in "cb"] == [4, 2]


def test_a_free_slot_is_kept_for_the_calls_that_asked_before(subject: Subject) -> None:
    calls = Asking(subject, Rate(1, 2.0))
    calls.acquire("a")
    calls.release("a")
    calls.acquire("b")
    subject.clock.now += 2
    assert calls.acquire("c") > 0
    assert calls.acquire("b") == 0


def test_urgent_calls_go_before_all_others_and_in_the_order_of_asking_among_themselves(subject: Subject) -> None:
    calls = Asking(subject, Rate(1, 2.0))
    calls.acquire("a")
    assert [calls.acquire(name) for name in "bcXY"] == [2, 4, 2, 4]
    assert [calls.acquire(name) for name in "YbXc"] == [4, 6, 2, 8]
    calls.release("a")
    subject.clock.now += 2
    assert calls.acquire("b") > 0
    assert calls.acquire("X") == 0


def test_a_wait_that_is_too_long_leaves_no_place_in_the_queue(subject: Subject) -> None:
    calls = Asking(subject, Rate(1, 2.0))
    calls.acquire("a")
    assert calls.acquire("b", max_wait=1) == calls.acquire("c", max_wait=1) == 2
    assert calls.acquire("d") == 2
    assert calls.acquire("d", max_wait=1) == 2  # it gives its place up
    assert calls.acquire("e") == 2


def test_a_waiting_call_that_does_not_ask_again_in_time_lets_others_pass_until_it_does(subject: Subject) -> None:
    calls = Asking(subject, Rate(1, 2.0))
    calls.acquire("a")
    calls.release("a")
    assert [calls.acquire(name) for name in "bcd"] == [2 - TICK, 4 - 2 * TICK, 6 - 3 * TICK]
    subject.clock.now += 2 + rate_limits.GRACE
    assert calls.acquire("c") == 0
    assert calls.acquire("b") == 2
    assert calls.acquire("d") == 4


def test_no_call_starts_during_a_pause_and_the_longest_pause_counts(subject: Subject) -> None:
    calls = Asking(subject, Rate(2, 1.0))
    calls.call("a")
    subject.backend.pause("orders", 30.0)
    subject.backend.pause("orders", 20.0)
    assert [calls.acquire(name) for name in "abc"] == [30, 30 - TICK, 31 - 2 * TICK]
    subject.clock.now += 29
    assert calls.acquire("a") == 1 - 2 * TICK
    subject.clock.now += 1
    assert [calls.acquire(name) for name in "ab"] == [0, 0]


def test_a_pause_holds_those_back_that_wait_already(subject: Subject) -> None:
    calls = Asking(subject, Rate(1, 2.0))
    calls.acquire("a")
    assert calls.acquire("b") == 2
    subject.backend.pause("orders", 5.0)
    assert calls.acquire("b") == 5


def test_a_call_that_asks_twice_counts_once(subject: Subject) -> None:
    """The first answer may have been lost on its way."""
    calls = Asking(subject, Rate(1, 10.0))
    assert [calls.acquire(name) for name in "aa"] == [0, 0]
    assert calls.acquire("b") > 0


@dataclass
class Visit:
    """A call's life: it asks, waits until it may start, and takes its time."""

    asks_at: float
    takes: float
    dies_waiting: bool = False
    dies_in_flight: bool = False
    first_wait: float = 0.0
    starts_at: float = NEVER

    @property
    def ends_at(self) -> float:
        return self.starts_at + self.takes


def play(subject: Subject, rate: Rate, limit: str, visits: Sequence[Visit]) -> None:
    """Let calls ask, sleep, start and end, each at its time."""
    calls = [Call(limit, visit.asks_at, COUNTS_FOR) for visit in visits]
    events = [(visit.asks_at, number, "ask") for number, visit in enumerate(visits)]
    while events:
        subject.clock.now, number, event = heapq.heappop(events)
        visit, call = visits[number], calls[number]
        if event == "end":
            subject.backend.release(call, rate)
        elif wait := subject.backend.acquire(call, rate, EVER):
            visit.first_wait = visit.first_wait or wait
            if not visit.dies_waiting:
                heapq.heappush(events, (subject.clock.now + wait, number, "ask"))
        else:
            visit.starts_at = subject.clock.now
            if not visit.dies_in_flight:
                heapq.heappush(events, (visit.ends_at, number, "end"))


def first_come_first_served(visits: Sequence[Visit], rate: Rate) -> list[float]:
    """When each visit starts at best: each slot holds one call, and stays closed for a window after its end."""
    free_at = [0.0] * rate.calls
    starts = []
    for visit in visits:
        starts.append(max(visit.asks_at, heapq.heappop(free_at)))
        heapq.heappush(free_at, starts[-1] + visit.takes + rate.window)
    return starts


ticks = st.integers(1, 192).map(lambda count: count * TICK)  # up to three seconds
rates = st.builds(Rate, st.integers(1, 4), st.sampled_from([0.5, 1.0, 2.5]))
limit_names = itertools.count()


def visits_of(pattern: Sequence[tuple[float, float, bool, bool]]) -> Iterator[Visit]:
    now = START + 1000.0 * next(limit_names)  # each example on a limit and at a time of its own
    for gap, takes, dies_waiting, dies_in_flight in pattern:
        now += gap
        yield Visit(now, takes, dies_waiting, dies_in_flight)


several_runs = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@several_runs
@given(rate=rates, pattern=st.lists(st.tuples(ticks, ticks, st.just(False), st.just(False)), min_size=1, max_size=30))
def test_every_call_starts_in_the_order_of_asking_as_early_as_the_limit_lets_it(
    subject: Subject, rate: Rate, pattern: list[tuple[float, float, bool, bool]]
) -> None:
    visits = list(visits_of(pattern))
    play(subject, rate, f"orders:{next(limit_names)}", visits)
    assert [visit.starts_at for visit in visits] == first_come_first_served(visits, rate)
    assert all(visit.asks_at + visit.first_wait <= visit.starts_at for visit in visits)


@several_runs
@given(rate=rates, pattern=st.lists(st.tuples(ticks, ticks, st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_calls_that_die_keep_nobody_from_starting_and_no_window_holds_more_than_the_limit(
    subject: Subject, rate: Rate, pattern: list[tuple[float, float, bool, bool]]
) -> None:
    visits = list(visits_of(pattern))
    play(subject, rate, f"orders:{next(limit_names)}", visits)
    assert all(visit.starts_at < NEVER for visit in visits if not visit.dies_waiting)
    # A call arrives somewhere between its start and its end: at the worst all at once.
    started = [visit for visit in visits if visit.starts_at < NEVER]
    for visit in started:
        others = [other for other in started if other.starts_at <= visit.ends_at < other.ends_at + rate.window]
        assert len(others) <= rate.calls


def test_redis_forgets_a_limit_that_nobody_uses(redis: Redis) -> None:
    backend, call = SharedBackend(), Call("orders", 0.0, COUNTS_FOR)
    backend.acquire(call, Rate(1, 1.0), EVER)
    backend.pause("orders", 1.0)
    left = redis.pttl(key_names.calls_key("orders"))
    assert 1000 * COUNTS_FOR < left < 20_000


def test_a_key_of_another_type_under_a_limits_name_is_as_if_redis_were_away(redis: Redis) -> None:
    redis.set(key_names.calls_key("orders"), "planted")
    with pytest.raises(StoreUnavailable):
        SharedBackend().acquire(Call("orders", 0.0, COUNTS_FOR), Rate(1, 1.0), EVER)


def test_a_call_keeps_its_place_when_redis_has_lost_the_queue(redis: Redis) -> None:
    backend, rate = SharedBackend(), Rate(1, 10.0)
    first, second, third = (Call("orders", 0.0, COUNTS_FOR) for _ in range(3))
    for call in (first, second, third):
        backend.acquire(call, rate, EVER)
    redis.flushdb()
    backend.acquire(Call("orders", 0.0, COUNTS_FOR), rate, EVER)
    assert backend.acquire(third, rate, EVER) < 11
    assert backend.acquire(second, rate, EVER) < 11
    assert backend.acquire(third, rate, EVER) > 11


# --- shares ------------------------------------------------------------------------------------------------------


class AskingFor(Asking):
    """Names are those of a user and a number: ann1, bob2."""

    def call(self, name: str) -> Call:
        call = super().call(name)
        call.token = f"{name.rstrip('0123456789').lower()}.{name}"
        return call


def order_of_starts(subject: Subject, calls: AskingFor, names: list[str], rate: Rate) -> list[str]:
    """In which order waiting calls start, each asking again when it was told to."""
    due = [
        (subject.clock.now + wait, number, name) for number, name in enumerate(names) if (wait := calls.acquire(name))
    ]
    started = [name for name in names if name not in {name for _, _, name in due}]
    for name in started:
        calls.release(name)
    while due:
        due.sort()
        at, number, name = due.pop(0)
        subject.clock.now = max(subject.clock.now, at)
        if wait := calls.acquire(name):
            due.append((subject.clock.now + wait, number, name))
        else:
            started.append(name)
            calls.release(name)
    return started


def test_one_users_many_calls_do_not_keep_out_another_users_few(subject: Subject) -> None:
    rate = Rate(2, 1.0)
    calls = AskingFor(subject, rate)
    names = [*(f"ann{number}" for number in range(12)), "bob1", "bob2"]
    started = order_of_starts(subject, calls, names, rate)
    assert sorted(started) == sorted(names)
    assert max(started.index("bob1"), started.index("bob2")) <= 5  # by the third window, instead of the seventh


def test_users_who_both_ask_for_more_than_there_is_get_equal_shares(subject: Subject) -> None:
    rate = Rate(2, 1.0)
    calls = AskingFor(subject, rate)
    names = [*(f"ann{number}" for number in range(8)), *(f"bob{number}" for number in range(8))]
    started = order_of_starts(subject, calls, names, rate)
    first = started[4:12]  # once both wait
    assert 3 <= sum(name.startswith("bob") for name in first) <= 5


def test_a_new_users_call_is_not_refused_because_of_anothers_queue(subject: Subject) -> None:
    calls = AskingFor(subject, Rate(1, 1.0))
    calls.acquire("ann0")
    assert max(calls.acquire(f"ann{number}") for number in range(1, 30)) > 20
    assert calls.acquire("bob1", max_wait=3) <= 3
    assert calls.acquire("ann30", max_wait=10) > 10


def test_an_urgent_call_goes_before_those_who_have_had_less(subject: Subject) -> None:
    calls = AskingFor(subject, Rate(1, 1.0))
    calls.acquire("ann1")
    waits = [calls.acquire(name) for name in ("ann2", "bob1")]
    assert calls.acquire("ANN3") <= min(waits)
