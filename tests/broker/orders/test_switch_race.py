"""A halt beside orders that are being placed, in processes of their own: each order is refused or is cancelled."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from broker.simulator import Simulator, SimulatorOptions
from tests.systemcache.promises import database
from testservers.project import ROOT
from testservers.redis_server import RedisServer
from tradingsite.embedded_redis import die_with_parent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

TRADERS, SECONDS, ROUNDS = 4, 18, 2


def start(environment: dict[str, str], *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.broker.orders.racing", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )


def result(process: "subprocess.Popen[str]") -> Any:
    return json.loads(process.communicate(timeout=120)[0].splitlines()[-1])


def test_after_a_halt_no_order_is_open_however_many_were_being_placed(tmp_path: Path) -> None:
    options = SimulatorOptions(port=0, limits=False, latency=60)
    with database.migrated() as address, RedisServer(tmp_path / "redis") as redis, Simulator(options) as exchange:
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tradingsite.settings",
            "DATABASE_URL": address,
            "REDIS_URL": redis.url,
            "IIFL_BASE_URL": exchange.base_url,
            "TRADING_ENABLED": "true",
            "ORDER_PRICE_BAND": "100",
            "ORDER_MAX_PER_DAY": "100000",
            # What is raced is the switch, not the limiter.
            **{f"IIFL_LIMIT_{name}": "1000" for name in ("ORDERS", "ORDER_CHANGES", "QUOTES", "LIMITS", "POSITIONS")},
        }
        traders = [start(environment, "place", f"trader{number}", str(SECONDS)) for number in range(TRADERS)]
        rounds = result(start(environment, "halt", str(ROUNDS)))
        traded = [result(process) for process in traders]
    assert [(found["complete"], found["open"], found["open_later"]) for found in rounds] == [(True, [], [])] * ROUNDS, (
        rounds
    )
    assert sum(found["cancelled"] for found in rounds) > ROUNDS
    assert sum(found["placed"] for found in traded) > ROUNDS
    assert sum(found["refused"] for found in traded) > ROUNDS
