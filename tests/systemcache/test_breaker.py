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
    return Breaker(pause=lambda: 5.0, clock=clock)


def test_a_failure_opens_it(breaker: Breaker) -> None:
    assert (breaker.state, breaker.allows()) == ("closed", True)
    breaker.failed()
    assert (breaker.state, breaker.allows()) == ("open", False)


def test_time_alone_does_not_close_it(breaker: Breaker, clock: Clock) -> None:
    breaker.failed()
    clock.now += 100
    assert not breaker.allows()


def test_during_the_pause_nobody_tries(breaker: Breaker, clock: Clock) -> None:
    breaker.failed()
    clock.now += 4.9
    breaker.probe(lambda: pytest.fail("was tried"))
    assert breaker.state == "open"


def test_after_the_pause_it_is_half_open_while_redis_is_put_in_order_and_closed_after(
    breaker: Breaker, clock: Clock
) -> None:
    breaker.failed()
    clock.now += 5.0
    seen: list[tuple[str, bool]] = []

    def put_in_order() -> bool:
        seen.append((breaker.state, breaker.allows()))
        return True

    breaker.probe(put_in_order)
    assert seen == [("half-open", False)]
    assert (breaker.state, breaker.allows()) == ("closed", True)


def test_a_probe_that_fails_starts_the_pause_anew(breaker: Breaker, clock: Clock) -> None:
    breaker.failed()
    clock.now += 5.0
    breaker.probe(lambda: False)
    assert breaker.state == "open"
    clock.now += 4.9
    breaker.probe(lambda: pytest.fail("was tried"))


def test_a_probe_that_raises_leaves_it_open(breaker: Breaker, clock: Clock) -> None:
    breaker.failed()
    clock.now += 5.0
    with pytest.raises(ZeroDivisionError):
        breaker.probe(lambda: bool(1 / 0))
    assert breaker.state == "open"


def test_its_opening_and_its_closing_are_said_once(
    breaker: Breaker, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        breaker.failed("TimeoutError")
    clock.now += 5.1
    breaker.probe(lambda: False)
    clock.now += 5.1
    breaker.probe(lambda: True)
    breaker.probe(lambda: True)
    assert [record.getMessage() for record in caplog.records] == [
        "cache: Redis is left alone, and the site goes on without it: TimeoutError",
        "cache: Redis is in use again, and in order",
    ]
