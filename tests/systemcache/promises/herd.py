"""A herd: several processes, many threads each, ask for one cold key at one moment."""

import statistics
import time
from dataclasses import dataclass

from tests.systemcache.promises.processes import Puppet

THREADS = 25
LEAD = 0.3  # seconds from the order to the moment: all threads have to be there
Asked = list[tuple[Puppet, int]]


@dataclass(frozen=True)
class Round:
    """One moment: how many loads it caused, when the last one ended, and how long after that the callers waited."""

    loads: int
    ended: float
    slowest_ms: float
    median_ms: float


def ask(
    puppets: list[Puppet], name: str, *, source: float, family: str = "promise_number", fail: bool = False
) -> Asked:
    at = time.monotonic() + LEAD
    order = {"family": family, "name": name, "threads": THREADS, "at": at, "source": source, "fail": fail}
    return [(puppet, puppet.send(do="herd", **order)) for puppet in puppets]


def answers(asked: Asked) -> Round:
    told = [puppet.next_event(number) for puppet, number in asked]
    assert {event["breaker"] for event in told} == {"closed"}
    loads = [load for event in told for load in event["loads"]]
    returned = [moment for event in told for moment in event["returned"]]
    assert len(returned) == THREADS * len(asked)
    ended = max(end for _, end in loads)
    waits = [1000 * max(0.0, moment - ended) for moment in returned]
    return Round(len(loads), ended, max(waits), statistics.median(waits))


def rounds(puppets: list[Puppet], number: int, source: float = 0.3) -> list[Round]:
    return [answers(ask(puppets, f"herd{turn}", source=source)) for turn in range(number)]


def figures(found: list[Round]) -> str:
    slowest = [turn.slowest_ms for turn in found]
    typical = statistics.median(turn.median_ms for turn in found)
    return (
        f"{len(found)} rounds, loads {sorted({turn.loads for turn in found})}; after the load's end: median caller "
        f"{typical:.1f} ms, slowest caller {statistics.median(slowest):.1f} ms (p50), {max(slowest):.1f} ms (max)"
    )
