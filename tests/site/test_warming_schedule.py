"""When runsite fills the cache."""

from datetime import datetime, timedelta
from typing import cast

import pytest

from broker.clock import IST
from tradingsite.processes import ChildProcess
from tradingsite.warming_schedule import WarmingSchedule, next_after


def ist(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=IST)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-01-05T06:00", "2026-01-05T09:05"),  # a Monday
        ("2026-01-05T09:05", "2026-01-06T09:05"),
        ("2026-01-09T12:00", "2026-01-12T09:05"),  # a Friday
        ("2026-01-10T00:00", "2026-01-12T09:05"),
    ],
)
def test_it_is_done_before_each_opening_of_the_market(moment: str, expected: str) -> None:
    assert next_after(ist(moment)) == ist(expected)


class Run:
    ended = False
    stopped = False

    def stop(self) -> None:
        self.stopped = True


class Runs:
    def __init__(self) -> None:
        self.now = ist("2026-01-05T07:00")
        self.started: list[Run] = []
        self.schedule = WarmingSchedule(self.start, lambda: self.now)

    def start(self) -> ChildProcess:
        self.started.append(Run())
        return cast(ChildProcess, self.started[-1])

    def look_after(self, **time: int) -> int:
        self.now += timedelta(**time)
        self.schedule.run_if_due()
        return len(self.started)


def test_once_after_the_start_and_then_each_morning() -> None:
    runs = Runs()
    assert (runs.look_after(), runs.look_after(minutes=1)) == (1, 1)
    runs.started[0].ended = True
    assert (runs.look_after(hours=2), runs.look_after(minutes=4)) == (1, 2)  # 9:01, 9:05
    runs.started[1].ended = True
    assert (runs.look_after(hours=12), runs.look_after(hours=12)) == (2, 3)


def test_a_run_that_has_not_ended_is_not_joined_by_another() -> None:
    runs = Runs()
    runs.look_after()
    assert runs.look_after(days=1) == 1


def test_only_a_run_that_lives_is_stopped() -> None:
    runs = Runs()
    runs.schedule.stop()
    runs.look_after()
    runs.schedule.stop()
    assert runs.started[0].stopped
    runs.started[0].stopped, runs.started[0].ended = False, True
    runs.schedule.stop()
    assert not runs.started[0].stopped
