"""The site as its users start it: `manage.py runsite`, in an environment that holds next to nothing."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from testservers.ports import free_port
from testservers.processes import Program, children_of, command_of

START_TIMEOUT = 90.0


class RunningSite(Program):
    """Returns when the site has announced itself.

    It is started from another folder than its own, and the environment of the tests does not reach it. Its cache is
    cold unless the test says otherwise: tests count misses.
    """

    def __init__(self, project: Path, environment: Mapping[str, str] | None = None, *, wait: bool = True) -> None:
        self.project = project
        given = environment or {}
        self.port = int(given.get("PORT") or free_port())
        self.stream_port = int(given.get("STREAM_PORT") or free_port())
        home = project.parent
        super().__init__(
            [sys.executable, str(project / "manage.py"), "runsite"],
            log=home / f"runsite-{self.port}.log",
            cwd=home,
            environment={
                "HOME": str(home),
                "PATH": os.environ["PATH"],
                "PORT": str(self.port),
                "STREAM_PORT": str(self.stream_port),
                "WARM_CACHE": "false",
                **given,
            },
        )
        if wait:
            self.wait_until_up(lambda: "Ctrl-C stops the site" in self.output, START_TIMEOUT)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def stream_url(self) -> str:
        return f"http://127.0.0.1:{self.stream_port}/stream"

    @property
    def login(self) -> tuple[str, str]:
        """User and password, as printed."""
        found = re.search(r"^Login +(\S+) / (\S+)$", self.output, re.MULTILINE)
        assert found, self.output
        return found[1], found[2]

    @property
    def token(self) -> str:
        """The one in the printed curl line."""
        found = re.search(r"^ +curl -H 'Authorization: Token (\S+)' http", self.output, re.MULTILINE)
        assert found, self.output
        return found[1]

    @property
    def broker_url(self) -> str:
        found = re.search(r"^Broker +simulator (http://\S+)$", self.output, re.MULTILINE)
        assert found, self.output
        return found[1]

    def child(self, word: str) -> int:
        """The process id of the first of its children whose command names `word`."""
        return next(pid for pid in children_of(self.pid) if any(word in part for part in command_of(pid)))
