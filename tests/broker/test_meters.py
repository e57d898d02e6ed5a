"""What is counted of calls to the broker, over all processes."""

import pytest
from pytest_django.fixtures import Settings

from broker import endpoints, gateway, meters
from broker.errors import BrokerError, NoTurn
from broker.limits import SharedLimiter
from broker.simulator import Simulator
from systemcache import stats, turns
from systemcache.meters import Meter

pytestmark = pytest.mark.usefixtures("redis_store")


def counted(meter: Meter, value: str) -> float:
    return meter.counted(stats.counted())[value]


@pytest.mark.django_db
def test_calls_and_failures_are_counted_by_route(simulator: Simulator) -> None:
    gateway.holdings()
    simulator.fail("trades", "500")
    with pytest.raises(BrokerError):
        gateway.trades()
    assert (counted(meters.CALLS, "holdings"), counted(meters.ERRORS, "holdings")) == (1, 0)
    assert (counted(meters.CALLS, "trades"), counted(meters.ERRORS, "trades")) == (1, 1)


def test_what_got_no_turn_is_no_call() -> None:
    with pytest.raises(NoTurn), meters.call("holdings"):
        raise NoTurn
    assert counted(meters.CALLS, "holdings") == 0


def test_waits_are_counted_with_their_seconds_and_refusals_beside_them(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.IIFL_LIMITS = {**settings.IIFL_LIMITS, "contract_files": 1}
    monkeypatch.setattr(turns, "enter", lambda *_: 0.0)
    slept: list[float] = []
    limiter = SharedLimiter(sleep=slept.append)
    for _ in range(2):
        with limiter.turn("contract_files:NSEEQ"):
            pass
    settings.IIFL_LIMIT_WAIT = 0
    with pytest.raises(NoTurn), limiter.turn("contract_files:NSEEQ"):
        pass
    assert counted(meters.WAITS, "contract_files") == len(slept) == 1
    assert counted(meters.WAIT_SECONDS, "contract_files") == pytest.approx(slept[0], abs=1e-5)
    assert counted(meters.REFUSALS, "contract_files") == 1


def test_every_route_and_limit_is_there_before_its_first_call() -> None:
    assert set(meters.CALLS.counted({})) == set(endpoints.names()) > {"holdings", "placeorder", "contractfiles"}
    assert meters.REFUSALS.counted({})["candles"] == 0
