"""What is counted of calls to the broker, over all processes."""

import pytest
from pytest_django.fixtures import Settings

from broker import gateway
from broker.errors import BrokerError, RateLimitWait
from broker.iifl import endpoints, meters
from broker.iifl.rate_limiter import BrokerRateLimiter
from broker.simulator import Simulator
from systemcache.rate_limit.limiter import RateLimiter
from systemcache.rate_limit.local import LocalBackend
from systemcache.stats import counters
from systemcache.stats.meters import Meter
from tests.support.clock import SleepingClock

pytestmark = pytest.mark.usefixtures("redis_store")


def counted(meter: Meter, value: str) -> float:
    return meter.values(counters.total_counts())[value]


@pytest.mark.django_db
def test_calls_and_failures_are_counted_by_route(simulator: Simulator) -> None:
    gateway.holdings()
    simulator.fail("trades", "500")
    with pytest.raises(BrokerError):
        gateway.trades()
    assert (counted(meters.CALLS, "holdings"), counted(meters.ERRORS, "holdings")) == (1, 0)
    assert (counted(meters.CALLS, "trades"), counted(meters.ERRORS, "trades")) == (1, 1)


def test_a_call_that_got_no_slot_is_not_counted() -> None:
    with pytest.raises(RateLimitWait), meters.count_call("holdings"):
        raise RateLimitWait
    assert counted(meters.CALLS, "holdings") == 0


def test_waits_are_counted_with_their_seconds_and_refusals_beside_them(settings: Settings) -> None:
    settings.IIFL_LIMITS = {**settings.IIFL_LIMITS, "contract_files": 1}
    clock = SleepingClock()
    limiter = BrokerRateLimiter(
        RateLimiter(lambda: 1, arrival_timeout=5.0, shared=LocalBackend(clock), clock=clock, sleep=clock.sleep)
    )
    for _ in range(2):
        with limiter.slot("contract_files:NSEEQ"):
            pass
    settings.IIFL_LIMIT_WAIT = 0
    with pytest.raises(RateLimitWait), limiter.slot("contract_files:NSEEQ"):
        pass
    assert counted(meters.WAITS, "contract_files") == len(clock.slept) == 1
    assert counted(meters.WAIT_SECONDS, "contract_files") == pytest.approx(clock.slept[0], abs=1e-5)
    assert counted(meters.REFUSALS, "contract_files") == 1


def test_every_route_and_limit_is_there_before_its_first_call() -> None:
    assert set(meters.CALLS.values({})) == set(endpoints.names()) > {"holdings", "placeorder", "contractfiles"}
    assert meters.REFUSALS.values({})["candles"] == 0
