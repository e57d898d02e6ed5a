"""What users saw, judged: which errors they may see depends on the route, and on what went wrong at that time."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.simulated_day.absences import Absences
from benchmarks.simulated_day.director import Played
from benchmarks.simulated_day.timetable import LIMITS, NOT_REPEATED, ORDERS, ORDERS_AFTER
from benchmarks.simulated_day.verdicts import Verdict
from benchmarks.simulated_day.world import Seen

CHANGES = frozenset({"order", "order cancelled"})
FROM_BROKER = CHANGES | {
    *("holdings", "positions", "margins", "trades", "profile", "orders", "quotes", "candles", "summary", "risk")
}
STAND_IN = frozenset({"holdings", "profile", "candles"})  # an old value may stand in, for longer than any fault lasts
OWN_BOUND = 5.0  # seconds for what needs no broker
# A read may wait for its turn, and for two processes to give the broker up, one after the other.
BROKER_BOUNDS = {"candles": 10.0 + 2 * 30.0, "page: watchlist": 10.0 + 2 * 15.0, "page: home": 2.0 + 3.0 + OWN_BOUND}
BROKER_BOUND = 10.0 + 2 * 15.0
HEARD_WITHIN = 0.5 + 1.0  # seconds: the interval of recovery, and slack for a machine that does other things
ACKNOWLEDGED = 1.5  # seconds within which a write is answered once it has been logged that Redis was not told
AWAY_FOR = 4.0  # for which a worker leaves Redis alone, and a source that has failed
MADE_TO_WAIT = 10.0 + 2.0  # seconds that a load may take while the broker is well: its turn, and its answer


@dataclass(frozen=True)
class Day:
    """All that was seen. `began` and `ended`: of the crowd, by the monotonic clock."""

    seen: Sequence[Seen]
    played: Sequence[Played]
    began: float
    ended: float
    ttls: dict[str, int]
    absences: Absences

    def phases_at(self, one: Seen) -> list[Played]:
        """Those that had their effect while it was answered."""
        return [
            played
            for played in self.played
            if one.at < played.ended + played.phase.after and one.at + one.seconds >= played.began
        ]


def judged(day: Day) -> list[Verdict]:
    bad, explained, limits = _errors(day)
    return [
        _none("no error that users should not see", bad),
        Verdict("errors of the broker's, while it failed", f"{sum(explained.values())}: {_listed(explained)}", True),
        Verdict("refused to keep the broker's limits, while something failed", _listed(limits), True),
        _none("no connection reset, no answer that never came", _resets(day)),
        _none(
            "no answer of a wrong form", [f"{one.route}: {one.wrong}" for one in day.seen if one.wrong and one.status]
        ),
        _none(
            "no order refused for a price that is not known, while nothing failed",
            [_named(day, one) for one in day.seen if one.code == "order_over_limit" and not day.phases_at(one)],
        ),
        _none("no answer later than promised", _late(day)),
        *_consistency(day),
        _absences(day),
        _ages(day),
        *(_recovery(day, played) for played in day.played),
    ]


def _errors(day: Day) -> tuple[list[str], Counter[str], Counter[str]]:
    """Those that nobody should see; those that may be seen, by code; our own refusals among them."""
    bad: list[str] = []
    explained: Counter[str] = Counter()
    limits: Counter[str] = Counter()
    served = _Served(day)
    for one in day.seen:
        if one.status < 500:
            served.note(one)
            continue
        phases = [played for played in day.phases_at(one) if one.code in played.phase.sees]
        phases += [played for played in day.played if one.code in ORDERS and _left_in_doubt(played, one)]
        if one.status == 500 or one.route not in FROM_BROKER or not phases or _repeatable(one):
            bad.append(_named(day, one))
        elif one.code in LIMITS:
            limits[f"{one.route} {one.code}"] += 1
        elif served.before(one) and not _without_redis(day, one):
            bad.append(f"{_named(day, one)} although an older value could stand in")
        else:
            explained[f"{one.status} {one.code}"] += 1
    return bad, explained, limits


def _repeatable(one: Seen) -> bool:
    """A read that was given up although it could have been asked again."""
    return one.code in NOT_REPEATED and one.route not in CHANGES


def _left_in_doubt(played: Played, one: Seen) -> bool:
    """Whether an order of that time may be one whose answer was lost."""
    return one.code in played.phase.sees and played.began <= one.at < played.ended + ORDERS_AFTER


def _without_redis(day: Day, one: Seen) -> bool:
    """Whether a worker may have had no old value to show because it had lost Redis."""
    return day.absences.within(one.at - AWAY_FOR, one.at + one.seconds + AWAY_FOR)


class _Served:
    """Addresses of which an old value is there to stand in."""

    def __init__(self, day: Day) -> None:
        self._last: dict[str, float] = {}
        self._losses = [(played.began, played.ended) for played in day.played if played.phase.loses]

    def note(self, one: Seen) -> None:
        if one.route in STAND_IN and one.status == 200 and one.state in ("hit", "miss"):
            self._last[one.path] = one.at

    def before(self, one: Seen) -> bool:
        last = self._last.get(one.path)
        lost = max((ended for began, ended in self._losses if began <= one.at + one.seconds), default=0.0)
        return last is not None and last > lost


def _named(day: Day, one: Seen) -> str:
    names = ", ".join(played.phase.name for played in day.phases_at(one)) or "all well"
    return f"{one.at - day.began:.1f} s ({names}): {one.route} {one.status} {one.code} after {one.seconds:.2f} s"


def _resets(day: Day) -> list[str]:
    return [f"{_named(day, one)}: {one.wrong}" for one in day.seen if one.status == 0]


def _late(day: Day) -> list[str]:
    return [_named(day, one) for one in day.seen if one.seconds > bound(one.route)]


def bound(route: str) -> float:
    """Seconds within which it is answered, whatever fails."""
    return BROKER_BOUNDS.get(route, BROKER_BOUND if route in FROM_BROKER else OWN_BOUND)


def _consistency(day: Day) -> Iterable[Verdict]:
    old = [one for one in day.seen if one.old]
    excused = [one for one in old if one.old <= HEARD_WITHIN and _untold(day, one)]
    rest = [f"{_named(day, one)}: {one.path}, {one.old:.3f} s after the write" for one in old if one not in excused]
    yield _none("no read shows what a finished write has replaced", rest)
    longest = max((one.old for one in excused), default=0.0)
    text = f"{len(excused)} reads, {longest:.3f} s at the longest"
    yield Verdict(f"of writes that could not tell Redis others heard within {HEARD_WITHIN:g} s", text, True)


def _untold(day: Day, one: Seen) -> bool:
    """Whether the log says that the write could not tell Redis."""
    answered = one.at - one.old
    return day.absences.within(answered - ACKNOWLEDGED, answered + 0.1)


def _absences(day: Day) -> Verdict:
    planned = [played for played in day.played if played.phase.redis]
    spells = [
        (first, last)
        for first, last in day.absences.spells
        if not any(played.began - 1 <= first < played.ended + played.phase.after for played in planned)
    ]
    text = f"{len(spells)} times, {sum(last - first for first, last in spells):.1f} s together"
    return Verdict("a worker lost Redis though the timetable did not say so", text, True)


def _ages(day: Day) -> Verdict:
    """Data that is not marked as old is within its TTL, or as old as its load took."""
    wrong = []
    for one in day.seen:
        ttl = day.ttls.get("portfolio_summary" if one.route == "summary" else one.route)
        if (
            one.age < 0 or ttl is None or one.route in ("candles", "contracts")
        ):  # as old as the last candle, and the file
            continue
        if one.age > ttl + one.seconds + MADE_TO_WAIT:
            wrong.append(f"{_named(day, one)}: {one.age:.1f} s old, TTL {ttl} s")
    return _none("no value older than its TTL that does not say so", wrong)


def _recovery(day: Day, played: Played) -> Verdict:
    """Seconds from a fault's end until whoever asks sees nothing of it any more."""
    later = min((other.began for other in day.played if other.began > played.ended), default=day.ended)
    marks = ("bypass",) if played.phase.redis else ("stale",)
    shown = [
        one
        for one in day.seen
        if played.ended <= one.at < later - one.seconds
        and one.code not in ORDERS
        and (one.status >= 500 or one.state in marks)
    ]
    last = max((one.at for one in shown), default=played.ended) - played.ended
    bound = played.phase.after
    text = f"{last:.1f} s, {bound:g} at the most"
    return Verdict(f"normal again after {played.phase.name}", text, last <= bound)


def _none(name: str, found: Sequence[str]) -> Verdict:
    return Verdict(name, f"{len(found)}", not found, tuple(found))


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counted.most_common()) or "none"


@dataclass(frozen=True)
class Line:
    """A row of a table: how many, a second, milliseconds, share of hits in percent, answers by status."""

    name: str
    requests: int
    per_second: float
    p50: float
    p99: float
    longest: float
    hits: float
    statuses: str


def by_route(day: Day) -> list[Line]:
    routes: defaultdict[str, list[Seen]] = defaultdict(list)
    for one in _requests(day):
        routes[one.route].append(one)
    return [_line(name, found, day.ended - day.began) for name, found in sorted(routes.items())]


def by_phase(day: Day) -> list[Line]:
    """Each phase from its beginning to its end, what lies between them as one, and all."""
    requests = list(_requests(day))
    lines = [
        _line(played.phase.name, found, played.ended - played.began)
        for played in day.played
        if (found := [one for one in requests if played.began <= one.at < played.ended])
    ]
    calm = [one for one in requests if not day.phases_at(one)]
    whole = day.ended - day.began
    return [*lines, _line("all well", calm, whole - _covered(day)), _line("the whole day", requests, whole)]


def _covered(day: Day) -> float:
    """Seconds of the day that are of some phase, or soon after one."""
    seconds, until = 0.0, day.began
    for played in day.played:
        end = min(played.ended + played.phase.after, day.ended)
        seconds += max(0.0, end - max(until, played.began))
        until = max(until, end)
    return seconds


def _requests(day: Day) -> Iterable[Seen]:
    return (one for one in day.seen if not one.old)


def _line(name: str, found: Sequence[Seen], seconds: float) -> Line:
    times = sorted(1000 * one.seconds for one in found) or [0.0]
    states = [one.state for one in found if one.state]
    hits = 100 * states.count("hit") / len(states) if states else float("nan")
    statuses = Counter(f"{one.status} {one.code}".strip() for one in found)
    return Line(
        name,
        len(found),
        len(found) / max(seconds, 0.001),
        times[len(times) // 2],
        times[len(times) * 99 // 100],
        times[-1],
        hits,
        _listed(statuses),
    )
