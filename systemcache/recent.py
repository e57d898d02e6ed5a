"""Small memories of a process that forget by themselves: failures of sources, and values held while Redis is away."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

MOST = 2_000  # entries; beyond, the oldest go


class Recent(Generic[T]):
    """Keeps each thing for some seconds. Thread-safe. `clock` counts seconds and never runs backwards."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, T]] = {}

    def get(self, key: str) -> T | None:
        found = self._kept.get(key)
        return found[1] if found and found[0] > self._clock() else None

    def keep(self, key: str, thing: T, seconds: float) -> None:
        if seconds <= 0:
            return
        with self._lock:
            self._kept.pop(key, None)
            while len(self._kept) >= MOST:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = (self._clock() + seconds, thing)

    def drop(self, key: str) -> None:
        with self._lock:
            self._kept.pop(key, None)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
