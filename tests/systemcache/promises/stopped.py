"""A process that reads one thing all the time, and tells each change with how many reads have shown the former state
since it went on after a stop: `python -m tests.systemcache.promises.stopped BOARD KIND TOKEN`.

`KIND` is `setting` (another program's; asked of Redis each time) or `token` (a near copy). The state is 0 or 1: the
setting's value, and whether the token is refused. The board says by how much the clocks were late when the process was
stopped: a clock that stands still while the machine is suspended cannot be had otherwise.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from tests.systemcache.promises.board import BOOTTIME_IS_LATE, MONOTONIC_IS_LATE, WENT_ON, Board

board = Board(Path(sys.argv[1]))
_monotonic, _clock_gettime = time.monotonic, time.clock_gettime
time.monotonic = lambda: _monotonic() - board[MONOTONIC_IS_LATE] / 1e9
time.clock_gettime = lambda which: _clock_gettime(which) - board[BOOTTIME_IS_LATE] / 1e9

from tests.systemcache.promises.setup import prepare  # noqa: E402 - needs the clocks

prepare()

from rest_framework.exceptions import AuthenticationFailed  # noqa: E402 - needs Django

from systemcache.auth.backends import CachedTokenAuthentication  # noqa: E402
from tests.systemcache.promises.world import OTHER_PROGRAM  # noqa: E402
from watchlist import selectors  # noqa: E402


def setting(_: str) -> int:
    return next(int(str(row.value)) for row in selectors.trading_settings().value if row.key == f"lane_{OTHER_PROGRAM}")


def token(key: str) -> int:
    try:
        CachedTokenAuthentication().authenticate_credentials(key)
    except AuthenticationFailed:
        return 1
    return 0


def tell(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    read = {"setting": setting, "token": token}[sys.argv[2]]
    last, stale = -1, 0
    while True:
        began = _monotonic()
        if (state := read(sys.argv[3])) != last:
            tell(state=state, at=began, stale=stale)
            last, stale = state, 0
        else:
            stale = stale + 1 if began > board[WENT_ON] / 1e9 else 0
        time.sleep(0.0005)


if __name__ == "__main__":
    main()
