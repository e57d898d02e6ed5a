"""How long loads take: counts in fixed buckets, which add up over processes, and the quantiles that they tell."""

from bisect import bisect_left
from collections.abc import Mapping

# Upper bounds in seconds: from a database's answer to the broker's slowest.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
EVENTS = (*(f"load_le_{bound:g}" for bound in BOUNDS), "load_le_inf")


def event_of(seconds: float) -> str:
    """The name under which a load that took so long is counted."""
    return EVENTS[bisect_left(BOUNDS, seconds)]


def cumulated(counts: Mapping[str, float]) -> list[int]:
    """For each bound, and beyond the last, how many loads took no longer."""
    total, sums = 0, []
    for event in EVENTS:
        total += int(counts.get(event, 0))
        sums.append(total)
    return sums


def quantile(counts: Mapping[str, float], share: float) -> float | None:
    """Seconds within which this share of loads ended, as if they lay evenly in their bucket; None without any.

    Of what lies beyond the last bound no more is known than that.
    """
    sums = cumulated(counts)
    if not sums[-1]:
        return None
    rank = share * sums[-1]
    at = bisect_left(sums, rank)
    if at == len(BOUNDS):
        return BOUNDS[-1]
    below, start = (sums[at - 1], BOUNDS[at - 1]) if at else (0, 0.0)
    return round(start + (BOUNDS[at] - start) * (rank - below) / (sums[at] - below), 4)
