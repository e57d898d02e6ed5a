"""The breaker: closed, open, half-open, by a clock that the test moves."""

import pytest
from redis import Redis

from systemcache.errors import StoreUnavailable
from systemcache.storage import generations, key_names
from systemcache.storage.breaker import Breaker
from systemcache.storage.breaker import breaker as site_breaker
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock[float]:
    return Clock(100.0)


@pytest.fixture
def breaker(clock: Clock[float]) -> Breaker:
    return Breaker(pause=lambda: 5.0, clock=clock)


def test_a_failure_opens_it(breaker: Breaker) -> None:
    assert (breaker.state, breaker.allows()) == ("closed", True)
    breaker.failed()
    assert (breaker.state, breaker.allows()) == ("open", False)


def test_time_alone_does_not_close_it(breaker: Breaker, clock: Clock[float]) -> None:
    breaker.failed()
    clock.now += 100
    assert not breaker.allows()


def test_during_the_pause_nobody_tries(breaker: Breaker, clock: Clock[float]) -> None:
    breaker.failed()
    clock.now += 4.9
    breaker.probe(lambda: pytest.fail("was tried"))
    assert breaker.state == "open"


def test_after_the_pause_it_is_half_open_while_redis_is_put_in_order_and_closed_after(
    breaker: Breaker, clock: Clock[float]
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


def test_a_probe_that_fails_leaves_it_open_and_may_be_repeated_at_once(breaker: Breaker, clock: Clock[float]) -> None:
    breaker.failed()
    clock.now += 5.0
    breaker.probe(lambda: False)
    assert breaker.state == "open"
    breaker.probe(lambda: True)
    assert breaker.state == "closed"


def test_a_redis_that_times_out_again_and_again_is_left_alone_for_longer_each_time(
    breaker: Breaker, clock: Clock[float]
) -> None:
    for pause in (5.0, 10.0, 20.0, 20.0):
        breaker.failed(slow=True)
        clock.now += pause - 0.1
        breaker.probe(lambda: pytest.fail("was tried"))
        clock.now += 0.1
        breaker.probe(lambda: True)
        assert breaker.state == "closed"
    clock.now += 60.0  # it went well for long enough
    breaker.failed(slow=True)
    clock.now += 5.0
    breaker.probe(lambda: True)
    assert breaker.state == "closed"


def test_a_redis_that_refuses_connections_again_and_again_is_tried_as_soon_each_time(
    breaker: Breaker, clock: Clock[float]
) -> None:
    for _ in range(4):
        breaker.failed()
        clock.now += 5.0
        breaker.probe(lambda: True)
        assert breaker.state == "closed"


def test_a_probe_that_raises_leaves_it_open(breaker: Breaker, clock: Clock[float]) -> None:
    breaker.failed()
    clock.now += 5.0
    with pytest.raises(ZeroDivisionError):
        breaker.probe(lambda: bool(1 / 0))
    assert breaker.state == "open"


def test_its_opening_and_its_closing_are_said_once(
    breaker: Breaker, clock: Clock[float], caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        breaker.failed("TimeoutError")
    clock.now += 5.1
    breaker.probe(lambda: False)
    clock.now += 5.1
    breaker.probe(lambda: True)
    breaker.probe(lambda: True)
    assert [record.getMessage() for record in caplog.records] == [
        "cache: circuit breaker open, serving without Redis: TimeoutError",
        "cache: circuit breaker closed, Redis is in use again",
    ]


# --- invalidations on a Redis that is there ------------------------------------------------------------------


@pytest.fixture
def generation(redis: Redis) -> str:
    """The key of a generation that Redis holds."""
    name = key_names.generation_key("sample_list")
    redis.set(name, "4711")
    return name


def test_while_it_is_open_no_invalidation_asks_redis_and_it_stays_open(redis: Redis, generation: str) -> None:
    site_breaker.failed()
    with pytest.raises(StoreUnavailable):
        generations.invalidate_tags(["sample_list"])
    assert redis.exists(generation)
    assert not site_breaker.allows()


def test_an_invalidation_that_redis_refuses_opens_it(redis: Redis, generation: str) -> None:
    try:
        redis.config_set("min-replicas-to-write", 1)
        with pytest.raises(StoreUnavailable, match="NOREPLICAS"):
            generations.invalidate_tags(["sample_list"])
    finally:
        redis.config_set("min-replicas-to-write", 0)
    assert not site_breaker.allows()
    assert redis.exists(generation)


def test_an_invalidation_that_was_not_tried_during_a_probe_keeps_it_open(breaker: Breaker, clock: Clock[float]) -> None:
    """What was refused after the records were read is carried out by the next probe."""
    breaker.failed()
    clock.now += 1_000

    def replay() -> bool:
        assert breaker.refuse_invalidation()
        return True

    breaker.probe(replay)
    assert not breaker.allows()
    breaker.probe(lambda: True)
    assert breaker.allows()
