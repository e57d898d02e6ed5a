"""Servers that are stopped at the end of a `with` block."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class StopsAtExit(ABC):
    """A context manager whose exit is `stop`."""

    @abstractmethod
    def stop(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
