"""A simulator on a clock that tests set, called without a network unless the test is about the network."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.simulator import Simulator, SimulatorOptions
from tests.broker.simulator.caller import Caller, Hands, Simulate


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


@pytest.fixture
def replaying_caller(simulate: Simulate, market_data: Path) -> Caller:
    somebody = Caller(simulate(data=market_data))
    somebody.log_in()
    return somebody
