"""Clocks that tests move."""

from datetime import datetime
from typing import Generic, TypeVar

Moment = TypeVar("Moment", float, datetime)


class Clock(Generic[Moment]):
    """Shows `now`, which a test sets."""

    def __init__(self, now: Moment) -> None:
        self.now: Moment = now

    def __call__(self) -> Moment:
        return self.now


class SleepingClock(Clock[float]):
    """Moves on when somebody sleeps."""

    def __init__(self, now: float = 1000.0) -> None:
        super().__init__(now)
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
