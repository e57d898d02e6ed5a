"""WSGI applications behind Granian, with the database, Redis and broker that the environment names."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from django.conf import settings

from testservers.http import answers
from testservers.ports import free_port
from testservers.processes import Program
from testservers.project import ROOT

SITE = "tradingsite.wsgi:application"
ADMIN = ("admin", "correct horse")
# In one process: each start of Django takes a second.
PREPARATION = f"""
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.utils import timezone
from broker.calendar.trading_hours import TRADED
from broker.models import TradingDay
call_command("migrate", verbosity=0)
for exchange in TRADED:
    TradingDay.objects.create(exchange=exchange, day=timezone.localdate(), weekly=True, hours="closed")
call_command("samplewatchlist")
get_user_model().objects.create_superuser({ADMIN[0]!r}, password={ADMIN[1]!r})
call_command("createtoken", {ADMIN[0]!r})
"""


def manage(*arguments: str, environment: Mapping[str, str], project: Path = ROOT) -> str:
    """Run a command of manage.py; return what it prints. Raises RuntimeError with what it said on stderr."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=project,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"manage.py {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def prepare(environment: Mapping[str, str]) -> str:
    """Make tables, ten watched symbols and an administrator (ADMIN); return the administrator's token.

    The market is closed: what the site does must not depend on the hour at which it is tested.
    """
    return manage("shell", "--no-imports", "-c", PREPARATION, environment=environment).splitlines()[-1]


class WebServer(Program):
    """Granian, on a free port unless one is given. With `wait` it returns when the application answers at `ready`."""

    def __init__(
        self,
        directory: Path,
        environment: Mapping[str, str],
        *,
        application: str = SITE,
        ready: str = "/api/system/health",
        workers: int = 1,
        threads: int = 4,
        wait: bool = True,
        host: str = "127.0.0.1",
        port: int = 0,
        project: Path = ROOT,
        options: Sequence[str] = (),
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://{host}:{self.port}"
        self._ready = ready
        super().__init__(
            [
                *(sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--http", "1"),
                *("--host", host, "--port", str(self.port), "--log-level", "error"),
                *("--workers", str(workers), "--blocking-threads", str(threads), "--workers-kill-timeout", "5"),
                *settings.GRANIAN_LIMITS,
                *options,
                application,
            ],
            log=directory / f"web-{self.port}.log",
            cwd=project,
            environment={**os.environ, **environment},
        )
        if wait:
            self.wait_until_it_answers()

    def wait_until_it_answers(self) -> None:
        self.wait_until_up(lambda: answers(self.url + self._ready))
