"""The log of calls, for tests and operators."""

from collections import deque
from datetime import datetime
from threading import Lock

import msgspec

MAX_CALLS = 100_000


class Call(msgspec.Struct, frozen=True):
    at: datetime
    route: str
    """The route's name in the route table, or `unknown`."""
    method: str
    path: str
    status: int
    """0 if the connection was closed without an answer."""


class CallLog:
    """The last 100,000 calls, oldest first."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=MAX_CALLS)
        self._lock = Lock()

    def add(self, call: Call) -> None:
        with self._lock:
            self._calls.append(call)

    def all(self) -> tuple[Call, ...]:
        with self._lock:
            return tuple(self._calls)

    def clear(self) -> None:
        with self._lock:
            self._calls.clear()
