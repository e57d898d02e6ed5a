"""Calls per second."""

import pytest

from broker.simulator.server.rate_limits import MAX_COUNTS, PER_SECOND, RateLimits
from broker.simulator.server.routes import ROUTES
from tests.broker.simulator.caller import Caller, Hands, Simulate


@pytest.fixture
def limited(simulate: Simulate) -> Caller:
    somebody = Caller(simulate(limits=True))
    somebody.log_in()
    return somebody


def statuses(caller: Caller, count: int, path: str = "/holdings") -> list[int]:
    return [caller.send("GET", path).status for _ in range(count)]


def test_one_call_too_many_in_a_second_is_429(limited: Caller) -> None:
    assert statuses(limited, 4) == [200, 200, 200, 429]


def test_the_window_slides(limited: Caller, hands: Hands) -> None:
    statuses(limited, 1)
    hands.seconds = 0.6
    assert statuses(limited, 3) == [200, 200, 429]
    hands.seconds = 1.0
    assert statuses(limited, 2) == [200, 429]


def test_a_refused_call_does_not_prolong_the_wait(limited: Caller, hands: Hands) -> None:
    assert statuses(limited, 5)[-1] == 429
    hands.seconds = 1.0
    assert statuses(limited, 3) == [200] * 3


def test_families_and_sessions_count_apart(limited: Caller) -> None:
    statuses(limited, 3)
    assert statuses(limited, 1, "/positions") == [200]
    limited.log_in()
    assert statuses(limited, 1) == [200]


def test_the_three_limits_routes_count_together(limited: Caller) -> None:
    assert statuses(limited, 10, "/limits/equity") == [200] * 10
    assert statuses(limited, 1, "/limits") == [429]


def test_each_contract_file_counts_by_itself(limited: Caller) -> None:
    assert statuses(limited, 3, "/contractfiles/NSEEQ.csv") == [200, 200, 429]
    assert statuses(limited, 1, "/contractfiles/NSEEQ.json") == [200]


def test_a_refusal_is_small_json(limited: Caller) -> None:
    statuses(limited, 3)
    assert limited.content("GET", "/holdings") == {"status": "Not_Ok", "message": "Too many requests"}


def test_without_limits_nothing_is_refused(caller: Caller) -> None:
    assert statuses(caller, 50) == [200] * 50


def test_every_route_has_a_limit() -> None:
    assert {route.family for route in ROUTES} == set(PER_SECOND)


def test_counts_that_nobody_uses_are_forgotten() -> None:
    now = 0.0
    limits = RateLimits(lambda: now)
    for number in range(3 * MAX_COUNTS):
        now = float(number)
        limits.allow(f"session {number}", "holdings")
    assert limits.size() <= MAX_COUNTS + 1
