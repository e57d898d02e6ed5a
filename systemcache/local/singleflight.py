"""Single flight in a process: of many callers the first one loads, and the others wait for its outcome."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Generic, Protocol, TypeVar

from systemcache import timing


class Outcome(Protocol):
    """`current_at`: the last moment (monotonic seconds) at which the outcome was known to be current."""

    @property
    def current_at(self) -> float: ...


T = TypeVar("T", bound=Outcome)


class SingleFlight(Generic[T]):
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._lock = threading.Lock()
        self._pending: dict[str, Future[T]] = {}

    def run(self, key: str, load: Callable[[], T], *, since: float, wait: float) -> tuple[T | None, bool]:
        """The outcome of the one load of `key`, and whether this caller waited for another's.

        None: another caller's load took longer than `wait` seconds, or its outcome may be older than `since`, when this
        caller came: a write may have ended in between, so this caller must ask again. An error of the load is raised by
        every waiter.
        """
        with self._lock:
            pending = self._pending.get(key)
            leads = pending is None
            if pending is None:
                pending = self._pending[key] = Future()
        if leads:
            return self._lead(key, pending, load), False
        try:
            with timing.span("wait"):
                outcome = pending.result(wait)
        except FutureTimeoutError:
            if pending.done():  # the load itself raised a TimeoutError
                raise
            return None, True
        return (outcome if outcome.current_at >= since else None), True

    def clear(self) -> None:
        """Make sure that no caller joins a load that is under way."""
        with self._lock:
            self._pending.clear()

    def _lead(self, key: str, pending: "Future[T]", load: Callable[[], T]) -> T:
        try:
            outcome = load()
        except BaseException as error:
            self._remove(key, pending)
            pending.set_exception(error)
            raise
        self._remove(key, pending)
        pending.set_result(outcome)
        return outcome

    def _remove(self, key: str, pending: "Future[T]") -> None:
        with self._lock:
            if self._pending.get(key) is pending:
                del self._pending[key]
