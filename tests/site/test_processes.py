"""The child processes of runsite."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.programs import only_linux
from tests.support.waiting import eventually
from tradingsite.processes import RESTART_INTERVAL, ChildProcess, Restarting

pytestmark = only_linux


def start() -> ChildProcess:
    return ChildProcess("A sleeper", [sys.executable, "-c", "input()"], directory=Path.cwd(), quiet=True)


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The process groups that are killed."""
    groups: list[int] = []
    monkeypatch.setattr(os, "killpg", lambda group, _: groups.append(group))
    return groups


def test_a_process_group_is_killed_once_because_its_number_may_be_anothers_later(killed: list[int]) -> None:
    child = start()
    for _ in range(2):
        child.stop()
    assert len(killed) == 1


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def children() -> Iterator[list[ChildProcess]]:
    started: list[ChildProcess] = []
    yield started
    for child in started:
        child.stop()


def test_a_process_that_ends_again_and_again_is_started_at_intervals(children: list[ChildProcess]) -> None:
    def start_child() -> ChildProcess:
        children.append(start())  # it reads /dev/null, and ends at once
        return children[-1]

    clock = Clock()
    helper = Restarting(start_child, clock)
    eventually(lambda: children[0].ended)
    assert not helper.restart_if_ended()
    clock.now = RESTART_INTERVAL
    assert helper.restart_if_ended()
    eventually(lambda: children[1].ended)
    assert not helper.restart_if_ended()
    assert len(children) == 2
