"""Two processes of the crash test: `watcher` tells each number that it comes to see, `crasher` dies after its commit.

Run as `python -m tests.systemcache.promises.crash ROLE`; both load through the cache from the database.
"""

import json
import os
import signal
import sys
import time
from typing import NoReturn

from tests.systemcache.promises.setup import prepare

prepare()

from systemcache.invalidation import outbox  # noqa: E402 - needs Django
from watchlist import selectors  # noqa: E402
from watchlist.models import Kind, TradingSetting  # noqa: E402

KEY = "crash"


def seen() -> int:
    return next((int(str(row.value)) for row in selectors.trading_settings().value if row.key == KEY), 0)


def tell(**what: object) -> None:
    print(json.dumps(what), flush=True)


def watcher() -> None:
    last = None
    while True:
        if (number := seen()) != last:
            tell(number=number, at=time.monotonic())
        last = number
        time.sleep(0.002)


def crasher() -> None:
    """Adds one to the number, and is killed between the commit and what the commit has to drop."""
    number = seen() + 1

    def die(*_: object) -> NoReturn:
        tell(number=number, at=time.monotonic())
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still here")

    outbox.dispatch = die  # type: ignore[assignment]
    TradingSetting.objects.update_or_create(key=KEY, defaults={"kind": Kind.INTEGER, "value": str(number)})


if __name__ == "__main__":
    {"watcher": watcher, "crasher": crasher}[sys.argv[1]]()
