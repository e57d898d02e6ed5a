"""A progress bar for long commands, written only to a terminal."""

import time
from collections.abc import Callable
from typing import TextIO

BAR_WIDTH = 30
SHOW_AFTER = 0.5  # seconds, so that short work shows no bar
REDRAW_INTERVAL = 0.1  # seconds


class ProgressBar:
    """Call it with the number of keys done so far. `total` is None if it is unknown."""

    def __init__(self, stream: TextIO, total: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._total, self._clock = stream, total, clock
        self._redraw_at = clock() + SHOW_AFTER
        self._visible = False

    def __call__(self, done: int) -> None:
        if self._clock() < self._redraw_at or not self._stream.isatty():
            return
        self._redraw_at = self._clock() + REDRAW_INTERVAL
        self._visible = True
        self._write(f"\r{self._line(done)}")

    def close(self) -> None:
        """Erase the bar."""
        if self._visible:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

    def _line(self, done: int) -> str:
        if not self._total:
            return f"{done} keys"
        filled = min(BAR_WIDTH, BAR_WIDTH * done // self._total)
        return f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {done} of {self._total} keys"
