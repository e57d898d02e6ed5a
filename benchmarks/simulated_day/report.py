"""The tables at the end."""

from collections.abc import Sequence

from benchmarks.simulated_day.answers import Line
from benchmarks.simulated_day.play import Outcome
from benchmarks.simulated_day.verdicts import Verdict

SHOWN = 25  # examples of what broke a promise


def show(outcome: Outcome) -> None:
    _table("by phase", outcome.phases)
    _table("by route", outcome.routes)
    print()
    for verdict in outcome.verdicts:
        _say(verdict)
    print(f"\n{'The day holds.' if outcome.holds else 'THE DAY DOES NOT HOLD.'}")


def _table(title: str, lines: Sequence[Line]) -> None:
    print(f"\n{title:34}{'requests':>9}{'/ s':>7}{'p50 ms':>8}{'p99 ms':>9}{'longest':>9}{'hits %':>8}  answers")
    for line in lines:
        figures = f"{line.requests:>9}{line.per_second:>7.1f}{line.p50:>8.1f}{line.p99:>9.0f}{line.longest:>9.0f}"
        print(f"{line.name:34}{figures}{line.hits:>8.1f}  {line.statuses}")


def _say(verdict: Verdict) -> None:
    print(f"{'holds' if verdict.holds else 'FAILS':7}{verdict.name}: {verdict.figure}")
    if not verdict.holds:
        for example in verdict.examples[:SHOWN]:
            print(f"         {example}")
        if len(verdict.examples) > SHOWN:
            print(f"         … and {len(verdict.examples) - SHOWN} more")
