"""Failures on demand, by name."""

import re
from collections.abc import Callable, Collection
from random import Random
from threading import Lock

import msgspec

from broker.simulator.codes import AS_OBJECT, EMPTY_BOOKS, ec, empty_book
from broker.simulator.wire import Answer, Delivery, http_error, ok

ALL = "all"
STREAM = "stream"
STREAM_FAULT_FORMS = (
    "stream=NAME, where NAME is one of: connack:CODE (1 to 5, in place of the connection), no-connack; drop (closes "
    "all connections), drop:mid-packet; stall (connected and mute: nothing is read or answered), mute (no packets of "
    "data), mute:half (none of half of the topics), mute:KIND (mw, index, order, ...), no-pingresp; suback:refused, "
    "suback:MS (milliseconds late), suback:after-data; short, long, garbage, divisor:0 (payloads); duplicate, reorder "
    "(the packet after it comes first); burst:COUNT (packets at once); clock:SECONDS (the packets' clock is ahead or, "
    "with -, behind)"
)
FAULT_FORMS = (
    "ROUTE=NAME, ROUTE=NAME@RATE (0 < RATE <= 1) or ROUTE=NAME*TIMES, where ROUTE is a route's name or "
    "`all`, and NAME an EC code (EC921, EC921:list, EC921:object), an HTTP status from 400 to 599, or one of "
    "timeout, hang, drop, not-json, truncated, empty, slow:MS. With an EC code or a status the call has no effect; "
    "slow delays its answer by MS milliseconds; with the others the call takes effect but its answer is lost. "
    "`:after` after a status, and `:before` after drop or hang, reverse this"
)

_FORM = re.compile(r"(?P<route>[a-z/]+)=(?P<name>[A-Za-z0-9:-]+)(?:@(?P<rate>\d*\.?\d+)|\*(?P<times>\d+))?", re.ASCII)
_NAME = re.compile(
    r"EC\d{3}(:list|:object)?|[45]\d\d(:after)?|timeout|(hang|drop)(:before)?|not-json|truncated|empty|slow:\d{1,5}",
    re.ASCII,
)
_STREAM_NAME = re.compile(
    r"connack:[1-5]|no-connack|drop(:mid-packet)?|stall|mute(:half|:[A-Za-z0-9]+)?|no-pingresp|"
    r"suback:(refused|after-data|\d{1,5})|short|long|garbage|divisor:0|duplicate|reorder|burst:\d{1,6}|"
    r"clock:-?\d{1,5}",
    re.ASCII,
)
_LASTING = frozenset({"stall", "mute", "clock"})
_SILENT_DELIVERIES = {"timeout": Delivery.HUNG, "hang": Delivery.HUNG, "drop": Delivery.DROPPED}
_STATUS_WORDS = {
    401: "Unauthorized",
    429: "Too many requests",
    500: "Internal server error",
    502: "Bad gateway",
}

_EMPTY_LISTS: dict[str, object] = {"historicaldata": [{"candles": []}], "marketquotes": []}


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    route: str
    name: str
    times: int | None = None
    """How many calls fail; None means all until cleared."""
    rate: float | None = None
    """The share of calls that fail; None means all."""

    def __post_init__(self) -> None:
        if self.route == STREAM and not _STREAM_NAME.fullmatch(self.name):
            raise ValueError(f"There is no failure {self.name!r} of the stream. Accepted: {STREAM_FAULT_FORMS}.")
        if self.route != STREAM and not _NAME.fullmatch(self.name):
            raise ValueError(f"There is no failure {self.name!r}. Accepted: {FAULT_FORMS}.")
        if self.route == STREAM and (self.times or self.rate) and self.name.partition(":")[0] in _LASTING:
            raise ValueError(f"{self.name} takes neither TIMES nor RATE: it lasts until it is cleared.")
        if self.times is not None and self.times < 1:
            raise ValueError(f"TIMES must be at least 1. Accepted: {FAULT_FORMS}.")
        if self.rate is not None and not 0 < self.rate <= 1:
            raise ValueError(f"RATE must be above 0 and at most 1. Accepted: {FAULT_FORMS}.")


def parse_fault(text: str) -> Fault:
    """Parse a fault from the command line. Raises ValueError, which lists what is accepted."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a failure. Accepted: {FAULT_FORMS}.")
    rate, times = match["rate"], match["times"]
    return Fault(match["route"], match["name"], int(times) if times else None, float(rate) if rate else None)


class Faults:
    """The faults in effect; of several on one route, the one added first comes first."""

    def __init__(self, routes: Collection[str], seed: int) -> None:
        self._routes = routes
        self._random = Random(seed)
        self._pending: list[Fault] = []
        self._lock = Lock()

    def validate(self, fault: Fault) -> None:
        """Raise ValueError if there is no such route."""
        if fault.route != ALL and fault.route not in self._routes:
            known = ", ".join(sorted(self._routes))
            raise ValueError(f"There is no route {fault.route!r}. Known: all, {known}.")

    def add(self, fault: Fault) -> None:
        self.validate(fault)
        if _is_of_stream(fault, "burst") and fault.times is None:
            fault = msgspec.structs.replace(fault, times=1)
        with self._lock:
            self._pending.append(fault)

    def remove(self, fault: Fault) -> None:
        """Remove all faults of this route and name."""
        with self._lock:
            key = (fault.route, fault.name)
            self._pending = [item for item in self._pending if (item.route, item.name) != key]

    def clear(self) -> None:
        with self._lock:
            self._pending.clear()

    def all(self) -> tuple[Fault, ...]:
        with self._lock:
            return tuple(self._pending)

    def next_fault(self, route: str) -> str | None:
        """Return the name of the failure for this call and count it; None if the call does not fail."""
        return self._next(lambda fault: fault.route in (route, ALL))

    def next_of_stream(self, *kinds: str) -> str | None:
        """Return the name of the stream's failure of one of these kinds, which stand before a colon, and count it."""
        if not self._pending:
            return None
        return self._next(lambda fault: _is_of_stream(fault, *kinds))

    def of_stream(self, kind: str) -> list[str]:
        """Return the names of the stream's failures of this kind that are in effect."""
        with self._lock:
            return [fault.name for fault in self._pending if _is_of_stream(fault, kind)]

    def stream_has(self, kind: str) -> bool:
        return bool(self._pending) and bool(self.of_stream(kind))

    def _next(self, applies: Callable[[Fault], bool]) -> str | None:
        with self._lock:
            for position, fault in enumerate(self._pending):
                if not applies(fault) or (fault.rate and self._random.random() >= fault.rate):
                    continue
                if fault.times == 1:
                    del self._pending[position]
                elif fault.times is not None:
                    self._pending[position] = msgspec.structs.replace(fault, times=fault.times - 1)
                return fault.name
        return None


def _is_of_stream(fault: Fault, *kinds: str) -> bool:
    return fault.route == STREAM and fault.name.partition(":")[0] in kinds


def prevents_effect(name: str) -> bool:
    """Whether the failure prevents the call from taking effect."""
    return name.endswith(":before") or (name[0] in "E45" and not name.endswith((":after", "empty")))


def apply_fault(route: str, name: str, answer: Answer) -> Answer:
    """Return what is sent instead of `answer`."""
    name = name.removesuffix(":before").removesuffix(":after")
    if name in _SILENT_DELIVERIES:
        return Answer(0, b"", delivery=_SILENT_DELIVERIES[name])
    if name.startswith("slow:"):
        return msgspec.structs.replace(answer, delay=int(name.partition(":")[2]) / 1000)
    if name == "truncated":
        return msgspec.structs.replace(answer, delivery=Delivery.TRUNCATED)
    if name == "not-json":
        return Answer(200, b"<html><body>Please try again later.</body></html>", "text/html")
    if name == "empty":
        return empty_answer(route, answer)
    if name.startswith("EC"):
        code, _, form = name.partition(":")
        return ec(code, as_list=form == "list" if form else route not in AS_OBJECT)
    return http_error(int(name), _STATUS_WORDS.get(int(name), f"Simulated HTTP {name}"))


def empty_answer(route: str, answer: Answer) -> Answer:
    """Return the "no data" answer of a route, or `answer` itself if the route has none."""
    if route in EMPTY_BOOKS:
        return empty_book(route)
    if route in _EMPTY_LISTS:
        return ok(_EMPTY_LISTS[route])
    return answer
