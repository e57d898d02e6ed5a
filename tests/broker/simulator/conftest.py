"""A simulator on a clock that tests set, called without a network unless the test is about the network."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.simulator import Simulator, SimulatorOptions
from tests.broker.simulator.caller import Caller, Hands, Simulate

SHARED_DATA = Path(__file__).parents[3].parent / "shared" / "data"


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def simulate(hands: Hands) -> Iterator[Simulate]:
    """Makes simulators, not started; those that the test starts are stopped after it."""
    made: list[Simulator] = []

    def make(**options: Any) -> Simulator:
        simulator = Simulator(
            SimulatorOptions(**({"port": 0, "limits": False} | options)),
            clock=lambda: hands.now,
            monotonic=lambda: hands.seconds,
            sleep=hands.slept.append,
        )
        made.append(simulator)
        return simulator

    yield make
    for simulator in made:
        simulator.stop()


@pytest.fixture
def caller(simulate: Simulate) -> Caller:
    somebody = Caller(simulate())
    somebody.log_in()
    return somebody


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        reason = f"{SHARED_DATA} is absent, so nothing can be compared with real data"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return SHARED_DATA


@pytest.fixture
def replaying_caller(simulate: Simulate, shared_data: Path) -> Caller:
    somebody = Caller(simulate(data=shared_data))
    somebody.log_in()
    return somebody
