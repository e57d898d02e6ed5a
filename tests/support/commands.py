"""Management commands, in this process or in one of their own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import call_command

from testservers.project import ROOT


def output_of(*command: str, **options: Any) -> str:
    out = StringIO()
    call_command(*command, stdout=out, **options)
    return out.getvalue()


def manage(*arguments: str, environment: Mapping[str, str], project: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """manage.py in a process of its own, with these variables only."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=project,
        env={"PATH": os.environ["PATH"], "DJANGO_SECRET_KEY": "x" * 60, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
