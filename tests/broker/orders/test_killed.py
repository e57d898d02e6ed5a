"""SIGKILL at each step of placing an order: never two orders, never one unaccounted for."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from broker.orders.request_log import MAX_CALL_TIME
from broker.simulator import Simulator, SimulatorOptions
from tests.broker.orders.ordering import ours
from tests.systemcache.promises import database
from testservers.project import ROOT
from testservers.redis_server import RedisServer
from tradingsite.embedded_redis import die_with_parent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

# Where it is killed: what the same request is answered right after, and when nobody can be at it any more.
STEPS = {
    "before it is on record": ("placed", "placed"),
    "on record": ("order_under_way", "placed"),
    "it has a slot": ("order_under_way", "placed"),
    "marked as sent": ("order_under_way", "order_not_in_book"),
    "the broker has it": ("order_under_way", "placed"),
    "answered": ("order_under_way", "placed"),
    "completed on record": ("placed", "placed"),
    "dropped from the cache": ("placed", "placed"),
}
QUICK = ("marked as sent", "the broker has it")  # the two that differ; the others are slow tests
LATER = MAX_CALL_TIME.total_seconds() + 100
HELD_SINCE_MORNING = 8  # orders with which the simulator's day begins


@dataclass(frozen=True)
class Stage:
    exchange: Simulator
    environment: dict[str, str]

    def start(self, step: str, later: float = 0) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "tests.broker.orders.doomed", step, "the-key", str(later)],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )

    def kill(self, step: str) -> None:
        process = self.start(step)
        assert process.communicate(timeout=60)[0] == ""
        assert process.returncode == -signal.SIGKILL

    def ask(self, later: float = 0) -> dict[str, Any]:
        return told(self.start("no", later))

    def record(self) -> list[tuple[str, str]]:
        with psycopg.connect(self.environment["DATABASE_URL"]) as connection:
            return connection.execute("SELECT state, order_id FROM broker_orderrequest").fetchall()


def told(process: "subprocess.Popen[str]") -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(process.communicate(timeout=60)[0].splitlines()[-1])
    return answer


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with (
        database.migrated() as address,
        RedisServer(tmp_path / "redis") as redis,
        Simulator(SimulatorOptions(port=0, limits=False)) as exchange,
    ):
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tradingsite.settings",
            "DATABASE_URL": address,
            "REDIS_URL": redis.url,
            "IIFL_BASE_URL": exchange.base_url,
            "TRADING_ENABLED": "true",
        }
        yield Stage(exchange, environment)


@pytest.mark.parametrize(
    "step", [step if step in QUICK else pytest.param(step, marks=pytest.mark.slow) for step in STEPS]
)
def test_a_process_killed_while_it_places_an_order_leaves_one_order_or_none_and_the_record_knows(
    stage: Stage, step: str
) -> None:
    stage.kill(step)
    for later, expected in zip((0, LATER), STEPS[step], strict=True):
        answer = stage.ask(later)
        assert answer.get("error", "placed") == expected, answer
        numbers = [order.number for order in ours(stage.exchange)]
        assert len(numbers) <= 1
        if expected == "placed":
            assert numbers == [answer["order"]]
            assert stage.record() == [("accepted", numbers[0])]
            assert answer["book"] == HELD_SINCE_MORNING + 1  # the cache does not show the book of before
    if expected == "order_not_in_book":
        assert ours(stage.exchange) == []
        assert stage.record() == [("not_in_book", "")]


def test_processes_that_send_the_same_request_at_once_place_one_order(stage: Stage) -> None:
    processes = [stage.start("no") for _ in range(4)]
    answers = [told(process) for process in processes]
    assert len(ours(stage.exchange)) == 1
    (order,) = {answer["order"] for answer in answers if "order" in answer}
    assert order == ours(stage.exchange)[0].number
    assert {answer.get("error", "order_under_way") for answer in answers} == {"order_under_way"}
