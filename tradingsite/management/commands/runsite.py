"""The whole site on this machine: Redis, the simulator and the web server, started and stopped together."""

import os
import signal
import socket
import sys
import time
from contextlib import ExitStack, suppress
from io import StringIO
from pathlib import Path
from typing import Any, NoReturn

import requests
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections

from tradingsite import first_login
from tradingsite.embedded_redis import EmbeddedRedis, EmbeddedRedisError
from tradingsite.first_login import FirstLogin
from tradingsite.private_files import locked, private_folder, tighten, write_private
from tradingsite.processes import ChildProcess, Restarting, wait_until
from tradingsite.warming_schedule import WarmingSchedule

MANAGE = [sys.executable, str(settings.BASE_DIR / "manage.py")]
START_TIMEOUT = 60.0  # seconds
WATCH_INTERVAL = 0.5


class Command(BaseCommand):
    help = (
        "Run the whole site, with an embedded Redis, SQLite and the simulator unless REDIS_URL, DATABASE_URL and "
        "IIFL_… name other servers. Ctrl-C stops everything."
    )
    requires_system_checks: list[str] = []  # migrate runs them, once the database exists

    def handle(self, *args: Any, **options: Any) -> None:
        for stop_signal in (signal.SIGINT, signal.SIGTERM):
            signal.signal(stop_signal, _interrupt)
        try:
            with ExitStack() as running:
                self._run(running)
        except KeyboardInterrupt:
            self.stdout.write("\nStopped.")

    def _run(self, running: ExitStack) -> None:
        _refuse_taken_ports()
        tighten(private_folder(settings.VAR_DIR))
        redis = self._start_redis(running)
        simulator = self._start_simulator(running)
        login = _prepare_database()
        stream = Restarting(lambda: _start_stream(running))
        web = _start_web(running)
        feed = Restarting(lambda: _start_feed(running)) if settings.IIFL_STREAM_URL else None
        if not wait_until(lambda: _answers(_stream_address("/livez")), seconds=START_TIMEOUT):
            self.stderr.write("The stream process does not answer yet.")
        self._announce(login)
        children = [child for child in (simulator, web) if child]
        self._watch(redis, children, [stream, feed] if feed else [stream], _start_warming(running))

    def _watch(
        self,
        redis: EmbeddedRedis | None,
        children: list[ChildProcess],
        restarting: list[Restarting],
        warming: WarmingSchedule | None,
    ) -> NoReturn:
        """Run until a process exits without which the site cannot go on; it can without Redis, and without some others
        until they are started again."""
        while not any(child.ended for child in children):
            if warming:
                warming.run_if_due()
            for helper in restarting:
                if helper.restart_if_ended():
                    self.stderr.write(f"{helper.name} has ended by itself and is started again.")
            if redis and redis.ended:
                self.stderr.write("Redis has ended by itself; the site goes on without a cache.")
                redis = None
            time.sleep(WATCH_INTERVAL)
        ended = next(child for child in children if child.ended)
        raise CommandError(f"{ended.name} has ended by itself; everything is stopped.")

    def _start_redis(self, running: ExitStack) -> EmbeddedRedis | None:
        if os.environ.get("REDIS_URL", "").strip():
            return None
        try:
            redis = running.enter_context(EmbeddedRedis(settings.VAR_DIR / "redis"))
        except EmbeddedRedisError as error:
            raise CommandError(str(error)) from error
        # The environment is for the child processes, the settings are for commands that run in this process.
        os.environ["REDIS_URL"] = settings.REDIS_URL = settings.CACHES["default"]["LOCATION"] = redis.url
        return redis

    def _start_simulator(self, running: ExitStack) -> ChildProcess | None:
        if not settings.IIFL_SIMULATED or os.environ.get("IIFL_BASE_URL", "").strip():
            return None
        command = [*MANAGE, "runsimulator", "--quiet", "--port", "0", "--latency", str(settings.SIMULATOR_LATENCY)]
        command += ["--clock", settings.SIMULATOR_CLOCK]
        if settings.SIMULATOR_DATA:
            command += ["--data", _absolute(settings.SIMULATOR_DATA)]
        if settings.SIMULATOR_CONTRACTS:
            command += ["--contracts", _absolute(settings.SIMULATOR_CONTRACTS)]
        simulator = _start(running, "The simulator", command, read_output=True)
        address, stream = (simulator.next_line().rpartition(" ")[2] for _ in range(2))
        if not (address.startswith("http") and stream.startswith("mqtt")):
            raise CommandError("The simulator did not start; its own message is above.")
        os.environ["IIFL_BASE_URL"] = settings.IIFL_BASE_URL = address
        _remember(running, settings.SIMULATOR_ADDRESS, address)
        if not os.environ.get("IIFL_STREAM_URL", "").strip():
            os.environ["IIFL_STREAM_URL"] = settings.IIFL_STREAM_URL = stream
            _remember(running, settings.SIMULATOR_STREAM_ADDRESS, stream)
        return simulator

    def _announce(self, login: FirstLogin | None) -> None:
        site = _address()
        broker = "simulator" if settings.IIFL_SIMULATED else "IIFL Capital, account"
        lines = [
            f"Site      {site}/",
            f"API       {site}/api/      documentation {site}/api/docs",
            f"Events    {settings.STREAM_URL or _stream_address('/stream')}",
            f"Admin     {site}/admin/",
            f"Broker    {broker} {settings.IIFL_BASE_URL if settings.IIFL_SIMULATED else settings.IIFL_CLIENT_ID}",
        ]
        if settings.IIFL_SIMULATED and settings.SIMULATOR_CLOCK == "replay":
            lines += ["Prices    move at any hour: the simulator repeats the last session while the market is closed"]
        if login:
            lines += [
                f"Login     {login.username} / {login.password}",
                "          shown this once; manage.py changepassword sets another, and createtoken makes tokens",
                "",
                "First request:",
                f"  curl -H 'Authorization: Token {login.token}' {site}/api/broker/holdings",
            ]
        elif not User.objects.filter(is_superuser=True).exists():
            lines += ["Login     there is none yet: .venv/bin/python manage.py createsuperuser makes one"]
        if not settings.ON_LOOPBACK and set(settings.LOOPBACK_HOSTS).issuperset(settings.ALLOWED_HOSTS):
            lines += [
                "",
                f"Other machines can connect, because HOST is {settings.HOST}, but all their requests are answered 400",
                "until DJANGO_ALLOWED_HOSTS lists the names by which they call this site, for example",
                f"  DJANGO_ALLOWED_HOSTS=site.example,{','.join(settings.ALLOWED_HOSTS)}",
            ]
        lines += ["", "Ctrl-C stops the site; its data stays in var/."]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()


def _start_feed(running: ExitStack) -> ChildProcess:
    return _start(running, "The feed", [*MANAGE, "runfeed", "--quiet"])


def _start_warming(running: ExitStack) -> WarmingSchedule | None:
    if not settings.WARM_CACHE:
        return None
    command = [*MANAGE, "warmcache"]
    # A failure does not stop the site; /api/system/health reports it to staff.
    warming = WarmingSchedule(lambda: ChildProcess("Warming", command, directory=settings.BASE_DIR, quiet=True))
    running.callback(warming.stop)
    return warming


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute())


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _prepare_database() -> FirstLogin | None:
    """Create the tables, a sample watchlist if there is none, and at the very first start a login, which is returned.

    Where others may reach the site or read what it prints, and for a real account, its owner makes the first login. A
    second site that starts on the same var/ waits, and finds all of it there.
    """
    try:
        with locked(settings.VAR_DIR / "prepare.lock"):
            call_command("migrate", verbosity=0)
            call_command("samplewatchlist", stdout=StringIO())
            (settings.VAR_DIR / "login.json").unlink(missing_ok=True)  # earlier versions kept a password there
            return first_login.create() if settings.IIFL_SIMULATED and settings.ON_LOOPBACK else None
    except DatabaseError as error:
        raise CommandError(f"The database that DATABASE_URL names cannot be used: {error}") from error
    finally:
        connections.close_all()


def _remember(running: ExitStack, file: Path, address: str) -> None:
    """Store the simulator's address for commands that are run separately, until the site stops."""
    write_private(file, address)
    running.callback(_forget, file, address)


def _forget(file: Path, address: str) -> None:
    with suppress(FileNotFoundError):
        if file.read_text() == address:  # it may be another site's by now
            file.unlink()


def _start(running: ExitStack, name: str, command: list[str], *, read_output: bool = False) -> ChildProcess:
    child = ChildProcess(name, command, directory=settings.BASE_DIR, read_output=read_output)
    running.callback(child.stop)
    return child


def _start_web(running: ExitStack) -> ChildProcess:
    threads = ("--workers", str(settings.WEB_WORKERS), "--blocking-threads", str(settings.WEB_THREADS))
    web = _start(running, "The web server", _granian("wsgi", settings.PORT, *threads))
    if not wait_until(lambda: web.ended or _is_healthy(), seconds=START_TIMEOUT) or web.ended:
        raise CommandError("The web server did not start; its own message is above.")
    return web


def _start_stream(running: ExitStack) -> ChildProcess:
    """One process for the events of all readers."""
    return _start(running, "The stream process", _granian("asgi", settings.STREAM_PORT, "--workers", "1"))


def _granian(interface: str, port: int, *options: str) -> list[str]:
    # Two malloc arenas for all threads: with glibc's default a worker grows for hours and holds a fifth more memory.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    return [
        *(sys.executable, "-m", "granian", "--interface", interface, "--no-ws", "--http", "1"),
        *("--host", settings.HOST, "--port", str(port), "--log-level", "error"),
        *options,
        *("--workers-kill-timeout", "5", "--respawn-failed-workers"),
        *settings.GRANIAN_LIMITS,
        f"tradingsite.{interface}:application",
    ]


def _is_healthy() -> bool:
    return _answers(f"{_address()}/api/system/health")


def _answers(address: str) -> bool:
    try:
        # The site may not answer to the address that it listens on.
        headers = {
            "Host": settings.ALLOWED_HOSTS[0].lstrip(".*") or "localhost",
            "X-Forwarded-Proto": "https",
        }
        return requests.get(address, headers=headers, timeout=5).ok
    except requests.RequestException:
        return False


def _address(port: int = settings.PORT) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.HOST, settings.HOST)  # noqa: S104 - it is compared # nosec B104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _stream_address(path: str) -> str:
    return f"{_address(settings.STREAM_PORT)}{path}"


def _refuse_taken_ports() -> None:
    for name, port in (("PORT", settings.PORT), ("STREAM_PORT", settings.STREAM_PORT)):
        with socket.socket(socket.AF_INET6 if ":" in settings.HOST else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.HOST, port))
            except OSError as error:
                raise CommandError(
                    f"Port {port} on {settings.HOST} cannot be used ({error.strerror}); "
                    f"choose another: {name}={8001 if name == 'PORT' else 8011} make run"
                ) from error
