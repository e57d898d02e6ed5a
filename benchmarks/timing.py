"""Timing side by side: the candidates take turns, so that whatever else the machine does hits all of them alike."""

import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

ROUNDS, TURN = 7, 20  # calls of one candidate before it is the next one's turn


@dataclass(frozen=True, slots=True)
class Row:
    """Microseconds per call: the median of the rounds' medians, and the lowest and highest of them."""

    name: str
    median: float
    low: float
    high: float


def alternated(candidates: Mapping[str, Callable[[], Any]], calls: int = 1000) -> list[Row]:
    """`calls` of each candidate in each of ROUNDS rounds, in short turns of changing order; a row each."""
    medians: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(ROUNDS):
        times: dict[str, list[float]] = {name: [] for name in candidates}
        for _ in range(calls // TURN):
            for name in random.sample(list(candidates), len(candidates)):
                times[name] += _timed(candidates[name])
        for name, found in times.items():
            medians[name].append(1e6 * statistics.median(found))
    return [Row(name, statistics.median(found), min(found), max(found)) for name, found in medians.items()]


def show(rows: Sequence[Row]) -> None:
    print(f"{'in process':48}{'median':>12}{'low':>10}{'high':>10}   microseconds")
    for row in rows:
        print(f"{row.name:48}{row.median:>12.1f}{row.low:>10.1f}{row.high:>10.1f}")


def _timed(call: Callable[[], Any]) -> list[float]:
    times = []
    for _ in range(TURN):
        started = perf_counter()
        call()
        times.append(perf_counter() - started)
    return times
