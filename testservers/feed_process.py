"""The feed process, with the database, Redis and broker that the environment names."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from broker.feed import status
from testservers.processes import Program
from testservers.project import ROOT


class FeedProcess(Program):
    """`manage.py runfeed`."""

    def __init__(self, directory: Path, environment: Mapping[str, str], number: int = 0) -> None:
        super().__init__(
            [sys.executable, "manage.py", "runfeed"],
            log=directory / f"feed-{number}.log",
            cwd=ROOT,
            environment={**os.environ, **environment},
        )

    @property
    def leads(self) -> bool:
        """Whether it has said so a moment ago, in the Redis that this process uses too."""
        told = status.read()
        return told is not None and told.process.endswith(f":{self.pid}")
