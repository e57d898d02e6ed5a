"""Scripts of a day: a JSON file of steps, checked as a whole before the day begins."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from broker.simulator.candles import SESSION_SECONDS
from broker.simulator.faults import parse_fault
from broker.simulator.hours import Hours
from broker.simulator.options import SimulatorError
from broker.simulator.quirks import named_quirks

EXAMPLE = "example"
SCRIPT_FORM = (
    'a JSON file {"steps": [...]}, its steps in order of time, each {"at": "HH:MM"} (or HH:MM:SS, in IST) and one of: '
    '"symbol" with "price" or "change" (percent of the previous close): the price jumps, or with "until" moves there '
    'evenly; "symbol", "fill" (percent), "until": meanwhile that much of an order is filled, the rest at the end; '
    '"market": "close" or "open": trading stops, goes on; "reject": "RMS:..." (perhaps "symbol"): of the next order; '
    '"payin": rupees; "fault": as for --fail, "quirk": as for --quirk, perhaps "until"'
)
_SCRIPTS = Path(__file__).parent / "scripts"
_OPENS = 9 * 3600 + 15 * 60
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", re.ASCII)

# What a kind of step needs besides its time, and what it may have.
_KINDS: dict[str, tuple[set[str], set[str]]] = {
    "price": ({"symbol"}, {"until"}),
    "change": ({"symbol"}, {"until"}),
    "fill": ({"symbol", "until"}, set()),
    "market": (set(), set()),
    "reject": (set(), {"symbol"}),
    "payin": (set(), set()),
    "fault": (set(), {"until"}),
    "quirk": (set(), {"until"}),
}


class File(msgspec.Struct, forbid_unknown_fields=True):
    steps: list[msgspec.Raw]
    about: str = ""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    at: str
    symbol: str | None = None
    until: str | None = None
    price: float | None = None
    change: float | None = None
    fill: int | None = None
    market: str | None = None
    reject: str | None = None
    payin: float | None = None
    fault: str | None = None
    quirk: str | None = None

    @property
    def kind(self) -> str:
        return next(kind for kind in _KINDS if getattr(self, kind) is not None)

    @property
    def start(self) -> float:
        return seconds(self.at)

    @property
    def end(self) -> float:
        return seconds(self.until or self.at)


class Script(msgspec.Struct, frozen=True):
    """Steps by number, from 1; without any, every day is an ordinary one."""

    name: str = ""
    steps: dict[int, Step] = {}
    hours: Hours = Hours()

    def of_kind(self, *kinds: str) -> Iterator[tuple[int, Step]]:
        return ((number, step) for number, step in self.steps.items() if step.kind in kinds)

    def wrong(self, number: int, why: object) -> SimulatorError:
        return _wrong(self.name, number, self.steps[number].at, why)


def read_script(told: str | Path) -> Script:
    """Of a file, or of the example that comes along. SimulatorError names the first step that is wrong."""
    path = _SCRIPTS / "example.json" if str(told) == EXAMPLE else Path(told)
    try:
        file = msgspec.json.decode(path.read_bytes(), type=File)
    except FileNotFoundError:
        raise SimulatorError(f"There is no script {path}.") from None
    except (OSError, msgspec.MsgspecError) as error:
        raise SimulatorError(f"{path} is not a script: {error}.") from error
    steps = {number: _read(path.name, number, raw) for number, raw in enumerate(file.steps, start=1)}
    script = Script(path.name, steps)
    for number in steps:
        if reason := _in_time(script, number):
            raise script.wrong(number, reason)
    script = Script(path.name, steps, _hours(script))
    for number, step in steps.items():
        if reason := _in_hours(script, number, step):
            raise script.wrong(number, reason)
    return script


def seconds(text: str) -> float:
    """After 09:15; ValueError for what is no time of day."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a time of day such as 09:30")
    hour, minute, second = (int(part or 0) for part in match.groups())
    return hour * 3600 + minute * 60 + second - _OPENS


def _read(name: str, number: int, raw: msgspec.Raw) -> Step:
    at = ""
    try:
        step = msgspec.json.decode(raw, type=Step)
        at = step.at
        _check(step)
    except (msgspec.MsgspecError, ValueError) as error:
        raise _wrong(name, number, at, error) from error
    return step


def _check(step: Step) -> None:
    """What can be seen of the step alone."""
    given = {field for field in step.__struct_fields__ if getattr(step, field) is not None} - {"at"}
    kinds = given & _KINDS.keys()
    if len(kinds) != 1:
        raise ValueError(f"it has to hold exactly one of {', '.join(_KINDS)}")
    (kind,) = kinds
    needed, possible = _KINDS[kind]
    if missing := needed - given:
        raise ValueError(f"{kind} needs {' and '.join(sorted(missing))}")
    if surplus := given - kinds - needed - possible:
        raise ValueError(f"{kind} takes no {' and no '.join(sorted(surplus))}")
    start = seconds(step.at)
    if step.until is not None and seconds(step.until) <= start:
        raise ValueError(f"it ends at {step.until}, not after it begins")
    _check_value(step, kind)


def _check_value(step: Step, kind: str) -> None:
    bounds = {"price": (0.05, 1_000_000), "change": (-50, 100), "fill": (1, 99), "payin": (1, 10**10)}
    if kind in bounds:
        lowest, highest = bounds[kind]
        if not lowest <= getattr(step, kind) <= highest:
            raise ValueError(f"{kind} has to lie between {lowest} and {highest}")
    if step.market not in (None, "open", "close"):
        raise ValueError("market has to be open or close")
    if step.reject is not None and not step.reject.startswith("RMS:"):
        raise ValueError("the text of a refusal begins with RMS:")
    if step.fault is not None:
        parse_fault(step.fault)
    if step.quirk is not None:
        named_quirks(step.quirk)


def _in_time(script: Script, number: int) -> str:
    before = script.steps.get(number - 1)
    return (
        f"it comes after {before.at}, step {number - 1}" if before and before.start > script.steps[number].start else ""
    )


def _hours(script: Script) -> Hours:
    """09:15 to 15:30, less what the steps close."""
    spans: list[tuple[float, float]] = []
    opened: float | None = 0
    for number, step in script.of_kind("market"):
        if not 0 <= step.start <= SESSION_SECONDS:
            raise script.wrong(number, "the market is open from 09:15 to 15:30 at most")
        if step.market == "close" and opened is not None and step.start > opened:
            spans.append((opened, step.start))
            opened = None
        elif step.market == "open" and opened is None and step.start < SESSION_SECONDS:
            opened = step.start
        elif step.market == "close" or step.start:
            raise script.wrong(number, f"the market cannot {step.market} then")
    if opened is not None:
        spans.append((opened, SESSION_SECONDS))
    return Hours(tuple(spans))


def _in_hours(script: Script, number: int, step: Step) -> str:
    if step.kind not in ("price", "change", "fill"):
        return ""
    span = script.hours.span(step.start)
    if span is None:
        return "the market is closed then"
    if step.end > span[1]:
        return f"the market closes before {step.until}"
    alike = ("fill",) if step.kind == "fill" else ("price", "change")
    return _still_under_way(step, (item for place, item in script.of_kind(*alike) if place < number))


def _still_under_way(step: Step, earlier: Iterable[Step]) -> str:
    ends = [item.until for item in earlier if item.symbol == step.symbol and item.end > step.start]
    return f"{step.symbol} is under way until {ends[0]} from a step before" if ends else ""


def _wrong(name: str, number: int, at: str, why: object) -> SimulatorError:
    when = f" ({at})" if at else ""
    return SimulatorError(f"{name}, step {number}{when}: {str(why).rstrip('.')}.")
