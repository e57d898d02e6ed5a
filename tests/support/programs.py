"""Programs that a test needs and that a developer's machine may lack."""

import os
import shutil
import sys
from typing import NoReturn

import pytest

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def program(name: str) -> str:
    """Its path. Without it the test is left out, with the reason; with CI=true it fails."""
    # Debian keeps servers where only root looks.
    return (
        shutil.which(name)
        or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
        or leave_out(f"{name} is not installed")
    )


def leave_out(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}, and with CI=true it has to be", pytrace=False)
    pytest.skip(reason)
