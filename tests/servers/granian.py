"""The WSGI application behind Granian, with the database, Redis and broker that the environment names."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import requests

from tests.servers.ports import free_port
from tests.servers.processes import Program
from tests.servers.project import ROOT

ADMIN = ("admin", "correct horse")
# In one process: each start of Django takes a second.
PREPARATION = f"""
from django.contrib.auth import get_user_model
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("samplewatchlist")
get_user_model().objects.create_superuser({ADMIN[0]!r}, password={ADMIN[1]!r})
call_command("createtoken", {ADMIN[0]!r})
"""


def manage(*arguments: str, environment: Mapping[str, str]) -> str:
    """Runs a command of manage.py; returns what it prints."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def prepare(environment: Mapping[str, str]) -> str:
    """Tables, ten watched symbols, and an administrator (ADMIN), whose token it returns."""
    return manage("shell", "--no-imports", "-c", PREPARATION, environment=environment).splitlines()[-1]


class WebServer(Program):
    """Returns when the site answers."""

    def __init__(self, directory: Path, environment: Mapping[str, str], *, workers: int = 1) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        options = ("--interface", "wsgi", "--no-ws", "--log-level", "error", "--port", str(port))
        threads = ("--workers", str(workers), "--blocking-threads", "4", "--workers-kill-timeout", "5")
        super().__init__(
            [sys.executable, "-m", "granian", *options, *threads, "tradingsite.wsgi:application"],
            log=directory / f"granian-{port}.log",
            cwd=ROOT,
            environment={**os.environ, **environment},
        )
        try:
            self.wait_until(self._answers)
        except BaseException:
            self.stop()
            raise

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/api/system/health", timeout=5).ok
        except requests.ConnectionError:
            return False
