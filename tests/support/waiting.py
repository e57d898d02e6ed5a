"""Waiting until something holds."""

import time
from collections.abc import Callable

PATIENCE = 60.0  # seconds that anything may take on a busy machine


def eventually(holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(0.005)
