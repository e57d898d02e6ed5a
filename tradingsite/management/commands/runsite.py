"""The whole site on this machine: Redis, the simulator and the web server, started together and stopped together."""

import os
import signal
import socket
import sys
import time
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from typing import Any, NoReturn

import requests
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections

from tradingsite import first_login
from tradingsite.children import Child, wait_until
from tradingsite.embedded_redis import EmbeddedRedis, EmbeddedRedisError
from tradingsite.warmup import WarmUp

MANAGE = [sys.executable, str(settings.BASE_DIR / "manage.py")]
START_TIMEOUT = 60.0  # seconds
WATCH_INTERVAL = 0.5


class Command(BaseCommand):
    help = (
        "Run the whole site: what REDIS_URL, DATABASE_URL and IIFL_… do not name is started here "
        "(an embedded Redis, SQLite, the simulator). Ctrl-C stops it all."
    )
    requires_system_checks: list[str] = []  # migrate runs them, on a database that is there

    def handle(self, *args: Any, **options: Any) -> None:
        for stop_signal in (signal.SIGINT, signal.SIGTERM):
            signal.signal(stop_signal, _interrupt)
        try:
            with ExitStack() as running:
                self._run(running)
        except KeyboardInterrupt:
            self.stdout.write("\nStopped.")

    def _run(self, running: ExitStack) -> None:
        _refuse_taken_port()
        redis = self._start_redis(running)
        simulator = self._start_simulator(running)
        login = _prepare_database()
        web = _start_web(running)
        self._announce(login)
        self._watch(redis, [child for child in (simulator, web) if child], _warm_up(running))

    def _watch(self, redis: EmbeddedRedis | None, children: list[Child], warm_up: WarmUp | None) -> NoReturn:
        """Until a part ends that the site cannot do without; Redis is not one."""
        while not any(child.ended for child in children):
            if warm_up:
                warm_up.look()
            if redis and redis.ended:
                self.stderr.write("Redis has ended by itself; the site goes on without a cache.")
                redis = None
            time.sleep(WATCH_INTERVAL)
        ended = next(child for child in children if child.ended)
        raise CommandError(f"{ended.name} has ended by itself; everything is stopped.")

    def _start_redis(self, running: ExitStack) -> EmbeddedRedis | None:
        if os.environ.get("REDIS_URL"):
            return None
        try:
            redis = running.enter_context(EmbeddedRedis(settings.VAR_DIR / "redis"))
        except EmbeddedRedisError as error:
            raise CommandError(str(error)) from error
        # For the children by the environment; for the commands that run in this process by the settings.
        os.environ["REDIS_URL"] = settings.REDIS_URL = settings.CACHES["default"]["LOCATION"] = redis.url
        return redis

    def _start_simulator(self, running: ExitStack) -> Child | None:
        if not settings.IIFL_SIMULATED or os.environ.get("IIFL_BASE_URL"):
            return None
        command = [*MANAGE, "runsimulator", "--quiet", "--port", "0", "--latency", str(settings.SIMULATOR_LATENCY)]
        if settings.SIMULATOR_DATA:
            command += ["--data", _absolute(settings.SIMULATOR_DATA)]
        if settings.SIMULATOR_CONTRACTS:
            command += ["--contracts", _absolute(settings.SIMULATOR_CONTRACTS)]
        simulator = _start(running, "The simulator", command, read_output=True)
        address = simulator.first_line().rpartition(" ")[2]
        if not address.startswith("http"):
            raise CommandError("The simulator did not start; its message stands above.")
        os.environ["IIFL_BASE_URL"] = settings.IIFL_BASE_URL = address
        settings.SIMULATOR_ADDRESS.write_text(address)
        running.callback(settings.SIMULATOR_ADDRESS.unlink, missing_ok=True)
        return simulator

    def _announce(self, login: dict[str, str] | None) -> None:
        site = _address()
        broker = "simulator" if settings.IIFL_SIMULATED else "IIFL Capital, account"
        lines = [
            f"Site      {site}/",
            f"API       {site}/api/      documentation {site}/api/docs",
            f"Admin     {site}/admin/",
            f"Broker    {broker} {settings.IIFL_BASE_URL if settings.IIFL_SIMULATED else settings.IIFL_CLIENT_ID}",
        ]
        if login:
            lines += [
                f"Login     {login['username']} / {login['password']}",
                "",
                "First request:",
                f"  curl -H 'Authorization: Token {login['token']}' {site}/api/broker/holdings",
            ]
        lines += ["", "Ctrl-C stops the site; its data stays in var/."]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()


def _warm_up(running: ExitStack) -> WarmUp | None:
    if not settings.WARM_CACHE:
        return None
    command = [*MANAGE, "warmcache"]
    # What fails is no matter of the site's start: staff are told of it by /api/system/health.
    warm_up = WarmUp(lambda: Child("Warming", command, directory=settings.BASE_DIR, quiet=True))
    running.callback(warm_up.stop)
    return warm_up


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute())


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _prepare_database() -> dict[str, str] | None:
    """Tables, a sample watchlist where there is none, and a login, which is returned if it is ours."""
    try:
        call_command("migrate", verbosity=0)
        call_command("samplewatchlist", stdout=StringIO())
        return first_login.ensure(settings.VAR_DIR / "login.json")
    except DatabaseError as error:
        raise CommandError(f"The database that DATABASE_URL names cannot be used: {error}") from error
    finally:
        connections.close_all()


def _start(running: ExitStack, name: str, command: list[str], *, read_output: bool = False) -> Child:
    child = Child(name, command, directory=settings.BASE_DIR, read_output=read_output)
    running.callback(child.stop)
    return child


def _start_web(running: ExitStack) -> Child:
    # Memory that one of many threads has freed is used by all: else a worker grows for hours, and keeps a fifth more.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    command = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--http", "1"),
        *("--host", settings.HOST, "--port", str(settings.PORT), "--log-level", "error"),
        *("--workers", str(settings.WEB_WORKERS), "--blocking-threads", str(settings.WEB_THREADS)),
        *("--workers-kill-timeout", "5", "--respawn-failed-workers"),
        "tradingsite.wsgi:application",
    ]
    web = _start(running, "The web server", command)
    if not wait_until(lambda: web.ended or _is_healthy(), seconds=START_TIMEOUT) or web.ended:
        raise CommandError("The web server did not start; its message stands above.")
    return web


def _is_healthy() -> bool:
    try:
        # The site's own name for itself may not be the address that it listens on.
        headers = {
            "Host": settings.ALLOWED_HOSTS[0].lstrip(".*") or "localhost",
            "X-Forwarded-Proto": "https",
        }
        return requests.get(f"{_address()}/api/system/health", headers=headers, timeout=5).ok
    except requests.RequestException:
        return False


def _address() -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.HOST, settings.HOST)  # noqa: S104
    return f"http://[{host}]:{settings.PORT}" if ":" in host else f"http://{host}:{settings.PORT}"


def _refuse_taken_port() -> None:
    with socket.socket(socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.HOST, settings.PORT))
        except OSError as error:
            raise CommandError(
                f"Port {settings.PORT} on {settings.HOST} cannot be used ({error.strerror}); "
                "choose another: PORT=8001 make run"
            ) from error
