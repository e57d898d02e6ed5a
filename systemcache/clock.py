"""The clock of this app, in one place so that a test can move it: call it as `clock.now()`, never import a function."""

import sys
import time
from datetime import UTC, datetime


def timestamp() -> float:
    """Seconds since 1970."""
    return time.time()


def now() -> datetime:
    """The time of day, in UTC."""
    return datetime.fromtimestamp(timestamp(), UTC)


def monotonic() -> float:
    """Seconds that never run backwards, the same for all processes of a machine."""
    return time.monotonic()


def boottime() -> float:
    """Like `monotonic`, and it goes on while the machine is suspended, if the system has such a clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()
