"""One load for many callers of the same process: the first one loads, the others wait for its outcome."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[T]] = {}

    def join(self, key: str, load: Callable[[Callable[[], bool]], T], wait: float) -> tuple[T, bool]:
        """The outcome of the one load of `key`, and whether this caller waited for another's.

        `load` is handed a question that it may ask before it stores: is this load still the current one? An error of
        the load is every waiter's error. A waiter that has waited `wait` seconds loads by itself.
        """
        with self._lock:
            flight = self._under_way.get(key)
            mine = flight is None
            if flight is None:
                flight = self._under_way[key] = Future()
        if mine:
            return self._fly(key, flight, load), False
        try:
            return flight.result(wait), True
        except FutureTimeoutError:
            if flight.done():  # the load itself raised a TimeoutError
                raise
            return load(lambda: False), False

    def forget(self, key: str) -> None:
        """What is under way may be outdated: later callers start a load of their own."""
        with self._lock:
            self._under_way.pop(key, None)

    def forget_all(self) -> None:
        with self._lock:
            self._under_way.clear()

    def _fly(self, key: str, flight: "Future[T]", load: Callable[[Callable[[], bool]], T]) -> T:
        try:
            outcome = load(lambda: self._under_way.get(key) is flight)
        except BaseException as error:
            flight.set_exception(error)
            raise
        else:
            flight.set_result(outcome)
            return outcome
        finally:
            with self._lock:
                if self._under_way.get(key) is flight:
                    del self._under_way[key]
