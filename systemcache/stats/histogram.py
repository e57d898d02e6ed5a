"""Load times as a histogram: fixed buckets, which add up over processes, and quantiles estimated from them."""

from bisect import bisect_left
from collections.abc import Mapping

# Upper bounds in seconds: from a fast database query to a remote call that times out.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
EVENTS = (*(f"load_le_{bound:g}" for bound in BOUNDS), "load_le_inf")


def bucket_event(seconds: float) -> str:
    """The event that counts a load of this duration."""
    return EVENTS[bisect_left(BOUNDS, seconds)]


def cumulative_counts(counts: Mapping[str, float]) -> list[int]:
    """For each bound and for infinity, how many loads took no longer."""
    total, sums = 0, []
    for event in EVENTS:
        total += int(counts.get(event, 0))
        sums.append(total)
    return sums


def quantile(counts: Mapping[str, float], share: float) -> float | None:
    """Seconds within which this share of loads ended, interpolated in its bucket; None without loads.

    Beyond the last bound the quantile is the last bound.
    """
    sums = cumulative_counts(counts)
    if not sums[-1]:
        return None
    rank = share * sums[-1]
    at = bisect_left(sums, rank)
    if at == len(BOUNDS):
        return BOUNDS[-1]
    below, start = (sums[at - 1], BOUNDS[at - 1]) if at else (0, 0.0)
    return round(start + (BOUNDS[at] - start) * (rank - below) / (sums[at] - below), 4)
