"""Timing side by side: the candidates take turns, so that whatever else the machine does hits all of them alike."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

ROUNDS = 7


@dataclass(frozen=True, slots=True)
class Row:
    """Microseconds per call: the median of the rounds' medians, and the lowest and highest of them."""

    name: str
    median: float
    low: float
    high: float


def alternated(candidates: Mapping[str, Callable[[], Any]], calls: int = 1000) -> list[Row]:
    """`calls` of each candidate in each of ROUNDS rounds, in turns; one row each, in their order."""
    medians: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(ROUNDS):
        for name, call in candidates.items():
            medians[name].append(_median(call, calls))
    return [Row(name, statistics.median(found), min(found), max(found)) for name, found in medians.items()]


def _median(call: Callable[[], Any], calls: int) -> float:
    times = []
    for _ in range(calls):
        started = perf_counter()
        call()
        times.append(perf_counter() - started)
    return 1e6 * statistics.median(times)
