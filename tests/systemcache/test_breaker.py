"""The breaker: closed, open, half-open, by a clock that the test moves."""

import pytest

from systemcache.breaker import Breaker


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(failures=2, pause=5.0, clock=clock)


def test_one_failure_does_not_open_it(breaker: Breaker) -> None:
    breaker.failed()
    assert breaker.allows()
    assert breaker.state == "closed"


def test_a_success_in_between_starts_the_count_anew(breaker: Breaker) -> None:
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.state == "closed"


def test_failures_in_a_row_open_it_for_the_pause(breaker: Breaker, clock: Clock) -> None:
    breaker.failed()
    breaker.failed()
    assert (breaker.state, breaker.allows()) == ("open", False)
    clock.now += 4.9
    assert not breaker.allows()


def test_after_the_pause_one_caller_tries_and_the_others_wait(breaker: Breaker, clock: Clock) -> None:
    breaker.failed()
    breaker.failed()
    clock.now += 5.0
    assert breaker.state == "half-open"
    assert [breaker.allows() for _ in range(3)] == [True, False, False]


def test_the_probe_decides(breaker: Breaker, clock: Clock) -> None:
    breaker.failed()
    breaker.failed()
    clock.now += 5.0
    assert breaker.allows()
    breaker.failed()
    assert breaker.state == "open"
    clock.now += 5.0
    assert breaker.allows()
    breaker.succeeded()
    assert (breaker.state, breaker.allows()) == ("closed", True)
