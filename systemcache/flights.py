"""One load for many callers of the same process: the first one loads, the others wait for its outcome."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Generic, Protocol, TypeVar

from systemcache import timing


class Outcome(Protocol):
    """`sound_at`: the last moment (monotonic seconds) at which it was known to be what a read may show."""

    @property
    def sound_at(self) -> float: ...


T = TypeVar("T", bound=Outcome)


class Flights(Generic[T]):
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[T]] = {}

    def join(self, key: str, load: Callable[[], T], *, since: float, wait: float) -> tuple[T | None, bool]:
        """The outcome of the one load of `key`, and whether this caller waited for another's.

        None: another's load took longer than `wait` seconds, or its outcome may be older than `since`, when the caller
        came: a write may have ended in between, so the caller must ask again. An error of the load is every waiter's.
        """
        with self._lock:
            flight = self._under_way.get(key)
            mine = flight is None
            if flight is None:
                flight = self._under_way[key] = Future()
        if mine:
            return self._fly(key, flight, load), False
        try:
            with timing.span("wait"):
                outcome = flight.result(wait)
        except FutureTimeoutError:
            if flight.done():  # the load itself raised a TimeoutError
                raise
            return None, True
        return (outcome if outcome.sound_at >= since else None), True

    def forget_all(self) -> None:
        with self._lock:
            self._under_way.clear()

    def _fly(self, key: str, flight: "Future[T]", load: Callable[[], T]) -> T:
        try:
            outcome = load()
        except BaseException as error:
            self._end(key, flight)
            flight.set_exception(error)
            raise
        self._end(key, flight)
        flight.set_result(outcome)
        return outcome

    def _end(self, key: str, flight: "Future[T]") -> None:
        with self._lock:
            if self._under_way.get(key) is flight:
                del self._under_way[key]


def now() -> float:
    return time.monotonic()
