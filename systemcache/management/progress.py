"""A bar for work that takes a while, for people: nothing is written where nobody watches."""

import time
from collections.abc import Callable
from typing import TextIO

WIDTH = 30
PATIENCE = 0.5  # seconds of work before a bar is worth its place
PAUSE = 0.1  # seconds between two changes


class Bar:
    """Call it with how much is done; `total` None: nobody knows how much there is."""

    def __init__(self, stream: TextIO, total: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._total, self._clock = stream, total, clock
        self._next = clock() + PATIENCE
        self._shown = False

    def __call__(self, done: int) -> None:
        if self._clock() < self._next or not self._stream.isatty():
            return
        self._next = self._clock() + PAUSE
        self._shown = True
        self._stream.write(f"\r{self._line(done)}")
        self._stream.flush()

    def end(self) -> None:
        """Takes the bar off the screen."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _line(self, done: int) -> str:
        if not self._total:
            return f"{done} keys"
        filled = min(WIDTH, WIDTH * done // self._total)
        return f"[{'#' * filled}{'.' * (WIDTH - filled)}] {done} of {self._total} keys"
