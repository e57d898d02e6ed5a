"""The servers of the day: Redis, PostgreSQL, the simulator, and the site on two workers."""

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path

import requests

from benchmarks.simulated_day.timetable import SPEED
from broker.clock import IST
from testservers.ports import free_port
from testservers.postgres import own_database, postgres_for_run
from testservers.processes import Program, children_of
from testservers.project import ROOT
from testservers.redis_server import RedisServer
from testservers.web_server import manage

WORKERS, THREADS = 2, 128
SCRIPT = Path(__file__).with_name("script.json")
BROKER_BEGINS, SITE_BEGINS = time(9, 5), time(9, 20)  # the site's clock keeps real time: it does not pass noon
PREPARATION = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("samplewatchlist", verbosity=0)
from watchlist.models import TradingSetting
TradingSetting.objects.filter(key__in=("max_daily_loss", "max_positions")).delete()
from benchmarks.simulated_day import people
people.make({users})
"""


@dataclass(frozen=True)
class Servers:
    redis: RedisServer
    database: str
    broker: str
    site: Program
    port: int
    people: list[dict[str, str]]
    environment: dict[str, str]

    @property
    def workers(self) -> list[int]:
        """The processes that answer: those of the site that have opened its application."""
        return children_of(self.site.pid)

    @property
    def broker_port(self) -> int:
        return int(self.broker.rpartition(":")[2])

    def control(self, method: str, what: str, body: object = None) -> dict[str, object]:
        answer = requests.request(method, f"{self.broker}/simulator/{what}", json=body, timeout=30)
        answer.raise_for_status()
        found: dict[str, object] = answer.json()
        return found

    def mark(self) -> None:
        """A call that is told from all others in the broker's log, and counts for nothing."""
        requests.get(f"{self.broker}/v1/mark", timeout=30)


@contextmanager
def running(folder: Path, users: int, ttls: dict[str, str], postgres: str | None) -> Iterator[Servers]:
    """`postgres`: a server, without a database; None takes what is there."""
    with ExitStack() as stack:
        redis = stack.enter_context(RedisServer(folder / "redis"))
        database = stack.enter_context(_database(folder, postgres))
        today = trading_day()
        broker = _simulator(stack, folder, today)
        port = free_port()
        environment = {
            "DJANGO_SETTINGS_MODULE": "tradingsite.settings",
            "DJANGO_SECRET_KEY": "a-day-" + "x" * 50,
            "DATABASE_URL": database,
            "REDIS_URL": redis.url,
            "IIFL_BASE_URL": f"{broker}/v1",
            "TRADING_ENABLED": "true",
            # Orders wait far from the market; what limits them is not what is measured.
            "ORDER_PRICE_BAND": "100",
            "ORDER_MAX_PER_DAY": "1000000",
            "WEB_WORKERS": str(WORKERS),
            "WEB_THREADS": str(THREADS),
            "DAY_SHIFT": str(_shift(today).total_seconds()),
            **ttls,
        }
        preparation = PREPARATION.format(users=users)
        made = manage("shell", "--no-imports", "-c", preparation, environment=environment).splitlines()[-1]
        site = stack.enter_context(_site(folder, port, environment))
        yield Servers(redis, database, broker, site, port, json.loads(made), environment)


def trading_day() -> datetime:
    """The day that is played: today, or on a weekend the Friday before."""
    now = datetime.now(IST)
    return now - timedelta(days=max(0, now.weekday() - 4))


def _shift(today: datetime) -> timedelta:
    return datetime.combine(today, SITE_BEGINS, IST) - datetime.now(IST)


@contextmanager
def _database(folder: Path, postgres: str | None) -> Iterator[str]:
    """A database of the day's own: on the PostgreSQL that is there, else on one that is started, else SQLite's."""
    with ExitStack() as stack:
        server = postgres or (stack.enter_context(postgres_for_run()).url or "").rpartition("/")[0]
        if not server:
            yield f"sqlite:///{folder}/day.sqlite3"
            return
        yield stack.enter_context(own_database(server, "day"))


def _simulator(stack: ExitStack, folder: Path, today: datetime) -> str:
    start = datetime.combine(today, BROKER_BEGINS).isoformat()
    command = [sys.executable, "manage.py", "runsimulator", "--quiet", "--port", "0", "--script", str(SCRIPT)]
    simulator = Program(
        [*command, "--start", start, "--speed", str(SPEED)],
        log=folder / "simulator.log",
        cwd=ROOT,
        environment={**os.environ, "DJANGO_SETTINGS_MODULE": "tradingsite.settings"},
    )
    stack.enter_context(simulator)
    simulator.wait_until(lambda: "http://" in simulator.output)
    found = re.search(r"http://127\.0\.0\.1:\d+", simulator.output)
    assert found, simulator.output
    return found[0]


def _site(folder: Path, port: int, environment: dict[str, str]) -> Program:
    command = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--http", "1", "--log-level", "error"),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", str(WORKERS), "--blocking-threads", str(THREADS)),
        *("--workers-kill-timeout", "5", "benchmarks.simulated_day.site:application"),
    ]
    environment = {**os.environ, "MALLOC_ARENA_MAX": "2", **environment}  # as `runsite` has it
    site = Program(command, log=folder / "site.log", cwd=ROOT, environment=environment)
    try:
        site.wait_until(lambda: _answers(port))
    except BaseException:
        site.stop()
        raise
    return site


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/api/system/health", timeout=5).ok
    except requests.ConnectionError:
        return False
