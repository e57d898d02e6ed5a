"""Lets happen what the timetable says, and notes when it did."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Thread

from benchmarks.simulated_day.servers import Servers
from benchmarks.simulated_day.timetable import Phase
from broker.simulator import parse_fault
from testservers import redis_outages
from testservers.web_server import manage


@dataclass(frozen=True)
class Played:
    """A phase as it was: when it began and ended, by the monotonic clock."""

    phase: Phase
    began: float
    ended: float

    def covers(self, moment: float) -> bool:
        return self.began <= moment < self.ended + self.phase.after


def play(servers: Servers, phases: tuple[Phase, ...], began: float) -> list[Played]:
    played = []
    for phase in phases:
        time.sleep(max(0.0, began + phase.at - time.monotonic()))
        started = time.monotonic()
        with _under(servers, phase):
            time.sleep(max(0.0, started + phase.seconds - time.monotonic()))
        played.append(Played(phase, started, time.monotonic()))
        print(f"{started - began:6.1f} s  {phase.name}, {time.monotonic() - started:.1f} s", flush=True)
    return played


@contextmanager
def _under(servers: Servers, phase: Phase) -> Iterator[None]:
    with ExitStack() as stack:
        if phase.redis:
            stack.enter_context(redis_outages.ALL[phase.redis](servers.redis))
        for told in phase.broker:
            fault = parse_fault(told)
            servers.control("POST", "faults", {"route": fault.route, "name": fault.name, "rate": fault.rate})
        if phase.act == "end sessions":
            servers.control("DELETE", "sessions")
        if phase.act == "clear":
            stack.enter_context(_clearing(servers))
        yield
        if phase.broker:
            servers.control("DELETE", "faults")


@contextmanager
def _clearing(servers: Servers) -> Iterator[None]:
    def clear() -> None:
        manage("clearcache", "*", "--yes", environment=servers.environment)

    thread = Thread(target=clear)
    thread.start()
    yield
    thread.join()
