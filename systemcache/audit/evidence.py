"""How strong the evidence of a number of checks is: the share of stale answers that they leave possible."""

import math

CONFIDENCE = 0.95


def highest_share(violations: int, checks: int) -> float:
    """The largest share of stale answers that the checks leave possible at 95 % confidence.

    The exact upper bound for Poisson's distribution (Garwood, 1936); without a violation it is 3 in `checks`, the rule
    of three.
    """
    if not checks:
        return 1.0
    low, high = 0.0, violations + 10.0 * math.sqrt(violations + 1) + 10.0
    for _ in range(100):
        middle = (low + high) / 2
        if _at_most(violations, middle) > 1 - CONFIDENCE:
            low = middle
        else:
            high = middle
    return min(1.0, high / checks)


def _at_most(count: int, mean: float) -> float:
    """The probability of no more than `count` events where `mean` are expected."""
    logs = (number * math.log(mean) - mean - math.lgamma(number + 1) for number in range(count + 1))
    return math.fsum(map(math.exp, logs)) if mean else 1.0


def nines(violations: int, checks: int) -> float:
    """3.0 means: at least 99.9 % of the answers are current."""
    return max(0.0, -math.log10(highest_share(violations, checks)))


def sentence(violations: int, checks: int) -> str:
    """`0 in 12,400,000 checks: 6.6 nines at 95 % confidence`."""
    if not checks:
        return "Nothing has been checked yet."
    # Rounded down, so that the evidence is never overstated.
    reach = math.floor(10 * nines(violations, checks)) / 10
    return f"{violations:,} in {checks:,} checks: {reach:.1f} nines at {CONFIDENCE:.0%} confidence".replace("%", " %")
