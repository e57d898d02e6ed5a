"""Several processes at once: together they stay within what the broker documents, and all are answered."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from broker.simulator import Call, Simulator, SimulatorOptions
from testservers.redis_server import RedisServer
from tradingsite.embedded_redis import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = 4
SYMBOLS = int(os.environ.get("CROWD_SYMBOLS", "24"))  # 200 take a minute and a half
DOCUMENTED = {"historicaldata": 3, "contractfiles": 2, "getusersession": 3}  # calls a second (iifl_api §4.3)


def most_in_a_second(calls: Sequence[Call]) -> int:
    times = sorted(call.at for call in calls)
    return max(sum(start <= time < start + timedelta(seconds=1) for time in times) for start in times)


def equity_symbols(count: int, contracts: Path) -> list[str]:
    rows = msgspec.json.decode(contracts.read_bytes())
    names = [row["tradingSymbol"].removesuffix("-EQ") for row in rows if row["tradingSymbol"].endswith("-EQ")]
    return sorted(set(names))[:count]


def run(arguments: list[str], environment: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_four_processes_that_want_many_symbols_at_once_stay_within_the_limits_and_get_them_all(
    redis_server: RedisServer, market_data: Path, tmp_path: Path
) -> None:
    contracts = market_data / "contracts" / "NSEEQ.json"
    symbols = equity_symbols(SYMBOLS, contracts)
    assert len(symbols) == SYMBOLS
    with Simulator(SimulatorOptions(port=0, contracts=contracts)) as simulator:
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tradingsite.settings",
            "DATABASE_URL": f"sqlite:///{tmp_path}/crowd.sqlite3",
            "REDIS_URL": f"{redis_server.url.rpartition('/')[0]}/5",
            "IIFL_BASE_URL": simulator.base_url,
            "IIFL_PROCESSES": str(PROCESSES),
        }
        subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity=0"], cwd=ROOT, env=environment, check=True)
        processes = [run(["-m", "tests.broker.crowd", "240", *symbols], environment) for _ in range(PROCESSES)]
        outputs = [process.communicate(timeout=280)[0] for process in processes]
        calls = simulator.calls

    assert outputs == [f"{SYMBOLS}\n"] * PROCESSES
    assert {call.status for call in calls} == {200}
    for route, limit in DOCUMENTED.items():
        assert most_in_a_second([call for call in calls if call.route == route]) <= limit, route
    assert sum(call.route == "historicaldata" for call in calls) == SYMBOLS
