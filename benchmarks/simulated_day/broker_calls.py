"""What reached the broker: never more than its limits, and no order twice."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from benchmarks.simulated_day.absences import Absences
from benchmarks.simulated_day.director import Played
from benchmarks.simulated_day.timetable import SPEED
from benchmarks.simulated_day.verdicts import Verdict
from broker.simulator.server.rate_limits import PER_SECOND
from broker.simulator.server.routes import ROUTES

TOO_MANY = 429
BACK_AFTER = 6.0  # seconds after which a worker that lost Redis shares it with the others again
MARK = len("TS") + 14  # what the site puts before an order's own label
FAMILIES = {route.name: route.family for route in ROUTES}


@dataclass(frozen=True)
class Clocks:
    """The broker's time at a moment of the monotonic clock; its own passes faster."""

    broker: datetime
    moment: float

    def moment_of(self, call: Mapping[str, Any]) -> float:
        return self.moment + (datetime.fromisoformat(call["at"]) - self.broker).total_seconds() / SPEED


def judged(
    calls: Sequence[Mapping[str, Any]], clocks: Clocks, played: Sequence[Played], absences: Absences
) -> list[Verdict]:
    """A worker that alone has lost Redis keeps to its share, while the others do not know: then there may be more."""
    by_family: defaultdict[str, list[float]] = defaultdict(list)
    for call in calls:
        if call["route"] in FAMILIES:
            by_family[FAMILIES[call["route"]]].append(clocks.moment_of(call))
    busiest = {family: _busiest(sorted(times)) for family, times in by_family.items()}
    listed = ", ".join(f"{family} {most}/{PER_SECOND[family]}" for family, (most, _) in sorted(busiest.items()))
    over = [
        f"{family}: {most} of {PER_SECOND[family]} ({_named(played, at)})"
        for family, (most, at) in busiest.items()
        if most > PER_SECOND[family] and not _alone(absences, at)
    ]
    refused = [clocks.moment_of(call) for call in calls if call["status"] == TOO_MANY]
    unmeant = [
        _named(played, at)
        for at in refused
        if not any("429" in fault for fault in _faults(played, at)) and not _alone(absences, at)
    ]
    routes = Counter(str(call["route"]) for call in calls)
    return [
        Verdict("no second holds more calls than the broker allows", listed, not over, tuple(over)),
        Verdict("no 429 but those of the timetable", f"{len(unmeant)}", not unmeant, tuple(unmeant)),
        Verdict("calls to the broker", ", ".join(f"{name} {count}" for name, count in routes.most_common()), True),
    ]


def _alone(absences: Absences, at: float) -> bool:
    return absences.within(at - BACK_AFTER, at + 1.0)


def _faults(played: Sequence[Played], at: float) -> list[str]:
    return [fault for one in played if one.covers(at) for fault in one.phase.broker]


def _named(played: Sequence[Played], at: float) -> str:
    found = [f"{one.phase.name}, {at - one.began:.2f} s after its beginning" for one in played if one.covers(at)]
    return "; ".join(found) or "all well"


def _busiest(times: Sequence[float]) -> tuple[int, float]:
    """The most calls in any second, and when that ended."""
    most, when, first = 0, 0.0, 0
    for last, time in enumerate(times):
        while time - times[first] >= 1.0:
            first += 1
        if last - first + 1 > most:
            most, when = last - first + 1, time
    return most, when


def orders(placed: Mapping[str, str], book: Sequence[Mapping[str, Any]]) -> list[Verdict]:
    """The crowd's orders beside the broker's book: each that was taken is there, and none is there twice."""
    labels = Counter(row["tag"][MARK:] for row in book if len(row["tag"]) > MARK)
    numbers = {row["order_id"] for row in book}
    lost = [f"{label}: {number}" for label, number in placed.items() if number and number not in numbers]
    twice = [label for label, count in labels.items() if count > 1]
    unknown = sum(not number for number in placed.values())
    asked = f"{len(placed)} asked for, {unknown} of them not taken, {len(labels)} in the book"
    return [
        Verdict("each order that was taken is in the broker's book", asked, not lost, tuple(lost)),
        Verdict("no order was placed twice", f"{len(twice)}", not twice, tuple(twice)),
    ]
