"""A process with the cache in it that does what a test tells it, one line of JSON at a time.

Run as `python -m tests.systemcache.promises.puppet BOARD`. Each call runs in a thread of its own; what happens to it is
told in lines that carry its number.
"""

import json
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings

from tests.systemcache.promises.setup import prepare

prepare()

from systemcache import clock, families, process_state  # noqa: E402 - needs Django
from systemcache.fetching import fetch, fetch_many  # noqa: E402 - needs Django
from systemcache.invalidation import recovery  # noqa: E402 - needs Django
from systemcache.stats import counters  # noqa: E402 - needs Django
from systemcache.storage import entries, leases  # noqa: E402
from systemcache.storage.breaker import breaker  # noqa: E402
from tests.systemcache.promises.board import Board  # noqa: E402
from tests.systemcache.promises.numbers import SLOTS  # noqa: E402

_real_clock = clock.timestamp
_speaking = threading.Lock()
_mine = threading.local()  # the call that a thread runs


class SourceFailed(Exception):
    """The source is down."""


def tell(**event: object) -> None:
    with _speaking:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()


class Call:
    """One read. With `pause` its loader stops after it has seen the number, until the test says how it ends."""

    def __init__(self, board: Board, order: dict[str, Any]) -> None:
        self.board, self.order, self.id = board, order, order["id"]
        self.told = threading.Event()
        self.may_go_on = threading.Event()
        self.fails = False

    def load(self) -> int:
        seen = self.board[SLOTS[self.order["name"]]]
        tell(id=self.id, event="loading", seen=seen)
        if self.order.get("pause"):
            self.told.wait(60)
        if self.order.get("fail") or self.fails:
            raise SourceFailed
        return seen

    def stop(self, where: str) -> None:
        if self.order.get("stop_at") == where:
            del self.order["stop_at"]
            tell(id=self.id, event="stopped")
            self.may_go_on.wait(60)

    def run(self) -> None:
        _mine.call = self
        family, params = families.named(self.order["family"]), {"name": self.order["name"]}
        try:
            if self.order["do"] == "read_many":
                (found,) = fetch_many.fetch_many(family, [params], lambda _: [self.load()])
                assert found
            else:
                found = fetch.fetch(family, params, self.load)
            tell(id=self.id, event="done", value=found.value, state=found.state, age=found.age(), stale=found.stale)
        except SourceFailed:
            tell(id=self.id, event="error", error="SourceFailed")
        except Exception as error:
            tell(id=self.id, event="error", error=repr(error))


def can_stop_at(module: Any, step: str) -> None:
    """A call whose order says so stops before this step of the store, until the test lets it go on."""
    real = getattr(module, step)

    def stopping(*args: Any, **kwargs: Any) -> Any:
        if call := getattr(_mine, "call", None):
            call.stop(step.removesuffix("_many"))
        return real(*args, **kwargs)

    setattr(module, step, stopping)


def herd(order: dict[str, Any]) -> None:
    """Many threads that ask for one key at one moment of the clock that all processes of a machine share."""
    loads: list[tuple[float, float]] = []
    returned: list[float] = []
    family, params = families.named(order["family"]), {"name": order["name"]}

    def load() -> int:
        began = time.monotonic()
        time.sleep(order["source"])
        loads.append((began, time.monotonic()))
        if order.get("fail"):
            raise SourceFailed
        return 1

    def one() -> None:
        time.sleep(max(0.0, order["at"] - time.monotonic()))
        with suppress(SourceFailed):
            fetch.fetch(family, params, load)
        returned.append(time.monotonic())

    threads = [threading.Thread(target=one) for _ in range(order["threads"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    tell(id=order["id"], event="done", loads=loads, returned=returned, breaker=breaker.state)


def set_clock(ahead: float) -> None:
    """Values look that many seconds older than they are."""
    clock.timestamp = lambda: _real_clock() + ahead


def reset() -> None:
    set_clock(0)
    process_state.reset()


def obey(board: Board, calls: dict[int, Call], order: dict[str, Any]) -> None:
    match order["do"]:
        case "read" | "read_many":
            call = calls[order["id"]] = Call(board, order)
            threading.Thread(target=call.run, daemon=True).start()
        case "finish":
            calls[order["call"]].fails = order["fail"]
            calls[order["call"]].told.set()
        case "go_on":
            calls[order["call"]].may_go_on.set()
        case "herd":
            threading.Thread(target=herd, args=(order,), daemon=True).start()
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case _:
            tell(id=order["id"], event="done", value=answer(order))


def answer(order: dict[str, Any]) -> object:
    match order["do"]:
        case "reset":
            reset()
        case "clock":
            set_clock(order["ahead"])
        case "look":
            recovery.run_once()
        case "counts":
            return {event: number for counts in counters.unsent_counts().values() for event, number in counts.items()}
        case "breaker":
            return breaker.state
    return None


def main() -> None:
    board, calls = Board(Path(sys.argv[1])), dict[int, Call]()
    settings.CACHE_STATS_INTERVAL = 0  # counts stay in this process, for the tests to see
    can_stop_at(entries, "read")
    for step in ("acquire", "acquire_many", "store", "store_many"):
        can_stop_at(leases, step)
    tell(event="ready")
    for line in sys.stdin:
        obey(board, calls, json.loads(line))
    os._exit(0)


if __name__ == "__main__":
    main()
