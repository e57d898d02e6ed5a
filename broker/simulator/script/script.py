"""Reads scripts: JSON files of steps, which are validated completely before the day starts."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from broker.simulator.faults.faults import parse_fault
from broker.simulator.faults.quirks import quirks_named
from broker.simulator.options import SimulatorError
from broker.simulator.prices.candles import SESSION_SECONDS
from broker.simulator.script.hours import Hours

EXAMPLE = "example"
SCRIPT_FORM = (
    'a JSON file {"steps": [...]}, its steps in order of time, each {"at": "HH:MM"} (or HH:MM:SS, in IST) and one of: '
    '"symbol" with "price" or "change" (percent of the previous close): the price jumps, or with "until" moves '
    'evenly; "symbol", "fill" (percent), "until": only that share of an order is filled, the rest at the end; '
    '"market": "close" or "open": trading stops or resumes; "reject": "RMS:..." (optional "symbol"): the next order; '
    '"payin": rupees; "fault": as for --fail, "quirk": as for --quirk (optional "until")'
)
_SCRIPTS = Path(__file__).parent / "examples"
_OPENS = 9 * 3600 + 15 * 60
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", re.ASCII)

# The fields that a kind of step requires besides its time, and its optional fields.
_STEP_KINDS: dict[str, tuple[set[str], set[str]]] = {
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
        return next(kind for kind in _STEP_KINDS if getattr(self, kind) is not None)

    @property
    def start(self) -> float:
        return seconds(self.at)

    @property
    def end(self) -> float:
        return seconds(self.until or self.at)


class Script(msgspec.Struct, frozen=True):
    """Steps by number, from 1; a script without steps changes nothing."""

    name: str = ""
    steps: dict[int, Step] = {}
    hours: Hours = Hours()

    def of_kind(self, *kinds: str) -> Iterator[tuple[int, Step]]:
        return ((number, step) for number, step in self.steps.items() if step.kind in kinds)

    def step_error(self, number: int, why: object) -> SimulatorError:
        return _step_error(self.name, number, self.steps[number].at, why)


def read_script(source: str | Path) -> Script:
    """Read a file, or the included example. Raises SimulatorError, which names the first invalid step."""
    path = _SCRIPTS / "example.json" if str(source) == EXAMPLE else Path(source)
    try:
        file = msgspec.json.decode(path.read_bytes(), type=File)
    except FileNotFoundError:
        raise SimulatorError(f"There is no script {path}.") from None
    except (OSError, msgspec.MsgspecError) as error:
        raise SimulatorError(f"{path} is not a script: {error}.") from error
    steps = {number: _read_step(path.name, number, raw) for number, raw in enumerate(file.steps, start=1)}
    script = Script(path.name, steps)
    for number, step in steps.items():
        previous = steps.get(number - 1)
        if previous and previous.start > step.start:
            raise script.step_error(number, f"it comes after {previous.at}, step {number - 1}")
    script = Script(path.name, steps, _trading_hours(script))
    for number, step in steps.items():
        if reason := _hours_error(script, number, step):
            raise script.step_error(number, reason)
    return script


def seconds(text: str) -> float:
    """Parse a time of day as seconds after 09:15. Raises ValueError."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a time of day such as 09:30")
    hour, minute, second = (int(part or 0) for part in match.groups())
    return hour * 3600 + minute * 60 + second - _OPENS


def _read_step(name: str, number: int, raw: msgspec.Raw) -> Step:
    at = ""
    try:
        step = msgspec.json.decode(raw, type=Step)
        at = step.at
        _check_fields(step)
    except (msgspec.MsgspecError, ValueError) as error:
        raise _step_error(name, number, at, error) from error
    return step


def _check_fields(step: Step) -> None:
    """Check a step by itself. Raises ValueError."""
    given = {field for field in step.__struct_fields__ if getattr(step, field) is not None} - {"at"}
    kinds = given & _STEP_KINDS.keys()
    if len(kinds) != 1:
        raise ValueError(f"it must have exactly one of {', '.join(_STEP_KINDS)}")
    (kind,) = kinds
    needed, possible = _STEP_KINDS[kind]
    if missing := needed - given:
        raise ValueError(f"{kind} requires {' and '.join(sorted(missing))}")
    if surplus := given - kinds - needed - possible:
        raise ValueError(f"{kind} takes no {' and no '.join(sorted(surplus))}")
    start = seconds(step.at)
    if step.until is not None and seconds(step.until) <= start:
        raise ValueError(f"it ends at {step.until}, which is not after its start")
    _check_value(step, kind)


def _check_value(step: Step, kind: str) -> None:
    bounds = {"price": (0.05, 1_000_000), "change": (-50, 100), "fill": (1, 99), "payin": (1, 10**10)}
    if kind in bounds:
        lowest, highest = bounds[kind]
        if not lowest <= getattr(step, kind) <= highest:
            raise ValueError(f"{kind} must be between {lowest} and {highest}")
    if step.market not in (None, "open", "close"):
        raise ValueError("market must be open or close")
    if step.reject is not None and not step.reject.startswith("RMS:"):
        raise ValueError("the text of reject must begin with RMS:")
    if step.fault is not None:
        parse_fault(step.fault)
    if step.quirk is not None:
        quirks_named(step.quirk)


def _trading_hours(script: Script) -> Hours:
    """Return 09:15 to 15:30, except where the steps close the market."""
    spans: list[tuple[float, float]] = []
    opened: float | None = 0
    for number, step in script.of_kind("market"):
        if not 0 <= step.start <= SESSION_SECONDS:
            raise script.step_error(number, "the market opens at 09:15 and closes at 15:30")
        if step.market == "close" and opened is not None and step.start > opened:
            spans.append((opened, step.start))
            opened = None
        elif step.market == "open" and opened is None and step.start < SESSION_SECONDS:
            opened = step.start
        elif step.market == "close" or step.start:
            raise script.step_error(number, f"the market cannot {step.market} at this time")
    if opened is not None:
        spans.append((opened, SESSION_SECONDS))
    return Hours(tuple(spans))


def _hours_error(script: Script, number: int, step: Step) -> str:
    if step.kind not in ("price", "change", "fill"):
        return ""
    span = script.hours.span(step.start)
    if span is None:
        return "the market is closed at this time"
    if step.end > span[1]:
        return f"the market closes before {step.until}"
    kinds = ("fill",) if step.kind == "fill" else ("price", "change")
    for earlier, other in script.of_kind(*kinds):
        if earlier < number and other.symbol == step.symbol and other.end > step.start:
            return f"step {earlier} of {step.symbol} lasts until {other.until}"
    return ""


def _step_error(name: str, number: int, at: str, why: object) -> SimulatorError:
    when = f" ({at})" if at else ""
    return SimulatorError(f"{name}, step {number}{when}: {str(why).rstrip('.')}.")
