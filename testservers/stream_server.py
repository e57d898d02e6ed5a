"""The stream process, with the database and Redis that the environment names."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings

from testservers.http import answers
from testservers.ports import free_port
from testservers.processes import Program
from testservers.project import ROOT


class StreamProcess(Program):
    """Granian with the ASGI application, as `make run` starts it. It serves the site too. With `wait` it returns when
    it answers."""

    def __init__(
        self,
        directory: Path,
        environment: Mapping[str, str],
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        project: Path = ROOT,
        wait: bool = True,
    ) -> None:
        self.port = port or free_port()
        self.site = f"http://{host}:{self.port}"
        self.url = f"{self.site}/stream"
        super().__init__(
            [
                *(sys.executable, "-m", "granian", "--interface", "asgi", "--no-ws", "--http", "1"),
                *("--host", host, "--port", str(self.port), "--log-level", "error", "--workers", "1"),
                *("--workers-kill-timeout", "5", *settings.GRANIAN_LIMITS, "tradingsite.asgi:application"),
            ],
            log=directory / f"stream-{self.port}.log",
            cwd=project,
            environment={**os.environ, **environment, "STREAM_PORT": str(self.port)},
        )
        if wait:
            self.wait_until_it_answers()

    def wait_until_it_answers(self) -> None:
        self.wait_until_up(lambda: answers(f"{self.site}/livez"))
