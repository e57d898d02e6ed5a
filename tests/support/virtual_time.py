"""Time that moves only when every thread sleeps: what takes hours is played in a moment, the same way each time."""

import heapq
import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Semaphore


class VirtualTime:
    """Give `clock` and `sleep` to what is tested. One thread runs at a time."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._sleepers: list[tuple[float, int, Semaphore]] = []
        self._numbers = itertools.count()
        self._stopped = Semaphore(0)  # released when the running thread sleeps or ends

    def clock(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        alarm = Semaphore(0)
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._numbers), alarm))
        self._stopped.release()
        alarm.acquire()

    def run(self, tasks: Sequence[Callable[[], object]]) -> None:
        """Run tasks side by side until all have ended."""
        with ThreadPoolExecutor(len(tasks)) as pool:
            futures = []
            for task in tasks:
                futures.append(pool.submit(self._run, task))
                self._stopped.acquire()
            while self._sleepers:
                self._now, _, alarm = heapq.heappop(self._sleepers)
                alarm.release()
                self._stopped.acquire()
        for future in futures:
            future.result()

    def _run(self, task: Callable[[], object]) -> None:
        try:
            task()
        finally:
            self._stopped.release()
