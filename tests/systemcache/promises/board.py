"""Numbers in memory that several processes share: what stands in the source, what was begun, what was acknowledged."""

import mmap
from pathlib import Path

# For processes that are stopped, in nanoseconds: when they went on, and by how much their clocks have been late since.
WENT_ON, MONOTONIC_IS_LATE, BOOTTIME_IS_LATE = range(100, 103)
SIZE = 256  # numbers of 64 bits; each is written by one process only, so that none needs a lock


class Board:
    """A file of whole numbers, all 0 at first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.write_bytes(bytes(8 * SIZE))
        with path.open("r+b") as file:
            self._numbers = memoryview(mmap.mmap(file.fileno(), 8 * SIZE)).cast("q")

    def __getitem__(self, index: int) -> int:
        return self._numbers[index]

    def __setitem__(self, index: int, number: int) -> None:
        self._numbers[index] = number

    def snapshot(self) -> list[int]:
        return self._numbers.tolist()

    def clear(self) -> None:
        for index in range(SIZE):
            self._numbers[index] = 0
