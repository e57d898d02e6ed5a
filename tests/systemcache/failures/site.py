"""The site as real processes: two web servers with one worker each, so that a request can choose its process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
from django.conf import settings

from broker.simulator import Simulator, SimulatorOptions
from testservers.ports import free_port
from testservers.postgres import own_database
from testservers.redis_server import RedisServer
from tradingsite.embedded_redis import die_with_parent

PASSWORD = "correct horse"
START_TIMEOUT = 60.0
PREPARE = f"""
import django
django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone
from broker.calendar.trading_hours import TRADED
from broker.models import TradingDay
from systemcache.models import ApiToken
call_command("migrate", verbosity=0)
for exchange in TRADED:
    TradingDay.objects.create(exchange=exchange, day=timezone.localdate(), weekly=True, hours="closed")
call_command("samplewatchlist", verbosity=0)
print(ApiToken.issue(User.objects.create_superuser("boss", password={PASSWORD!r}), "test"))
"""


class Process:
    """One web server with one worker."""

    def __init__(self, name: str, environment: dict[str, str], token: str, log: Path, threads: int = 4) -> None:
        self.name, self.token, self._log = name, token, log
        self._port = free_port()
        command = [
            *(sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--http", "1"),
            *("--host", "127.0.0.1", "--port", str(self._port), "--log-level", "warning"),
            *("--workers", "1", "--blocking-threads", str(threads), "tradingsite.wsgi:application"),
        ]
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                command,
                env=environment,
                cwd=settings.BASE_DIR,
                stdout=out,
                stderr=out,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if requests.get(f"{self.url}/api/system/health", timeout=5).ok:
                    return
            except requests.RequestException:
                time.sleep(0.1)
        raise RuntimeError(f"{self.name} does not answer: {self.log()}")

    def ask(self, method: str, path: str, body: object = None) -> requests.Response:
        headers = {"Authorization": f"Token {self.token}", "Accept": "application/json"}
        return requests.request(method, self.url + path, json=body, headers=headers, timeout=30, allow_redirects=False)

    def notes(self, item: int) -> str | None:
        """What the watchlist, as this process shows it, notes about an item; None when it is not there."""
        answer = self.ask("GET", "/api/watchlist?active=all")
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["data"]
        return next((row["notes"] for row in rows if row["id"] == item), None)

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def log(self) -> str:
        return self._log.read_text(errors="replace")


@dataclass
class Site:
    """Two processes, one database, one Redis, one broker."""

    one: Process
    two: Process
    redis: RedisServer
    environment: dict[str, str]
    token: str
    directory: Path

    @property
    def both(self) -> tuple[Process, Process]:
        return self.one, self.two

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self.both:
            process.stop()

    def another(self, name: str, **variables: str) -> Process:
        """One more process on the same servers."""
        process = Process(name, {**self.environment, **variables}, self.token, self.directory / f"{name}.log")
        process.wait_until_it_answers()
        return process


@contextmanager
def running_site(directory: Path, **variables: str) -> Iterator[Site]:
    """With `REDIS_URL` among the variables the site's Redis is not the one that is started here."""
    with ExitStack() as running:
        simulator = running.enter_context(Simulator(SimulatorOptions(port=0, limits=False)))
        redis = running.enter_context(RedisServer(directory / "redis"))
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))},
            "DJANGO_SETTINGS_MODULE": "tradingsite.settings",
            "DATABASE_URL": running.enter_context(_database(directory)),
            "REDIS_URL": redis.url,
            "IIFL_BASE_URL": simulator.base_url,
            **variables,
        }
        token = subprocess.run(
            [sys.executable, "-c", PREPARE],
            env=environment,
            cwd=settings.BASE_DIR,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stdout.split()[-1]
        processes = [Process(name, environment, token, directory / f"{name}.log") for name in ("one", "two")]
        with Site(processes[0], processes[1], redis, environment, token, directory) as site:
            for process in processes:
                process.wait_until_it_answers()
            yield site


@contextmanager
def _database(directory: Path) -> Iterator[str]:
    """A database of the site's own: on the run's PostgreSQL, else SQLite's in a file."""
    server, slash, _ = os.environ.get("DATABASE_URL", "").rpartition("/")
    if not slash:
        yield f"sqlite:///{directory}/site.sqlite3"
        return
    with own_database(server, "failures") as address:
        yield address
