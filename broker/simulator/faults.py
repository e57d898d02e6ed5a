"""Failures on demand, by name."""

import re
from collections.abc import Collection
from random import Random
from threading import Lock

import msgspec

from broker.simulator.codes import AS_OBJECT, EMPTY_BOOKS, ec, empty_book
from broker.simulator.wire import Answer, Delivery, http_error, ok

ALL = "all"
FAULT_FORMS = (
    "ROUTE=NAME, ROUTE=NAME@RATE (0 < RATE <= 1) or ROUTE=NAME*TIMES, where ROUTE is a route's name or "
    "`all`, and NAME an EC code (EC921, EC921:list, EC921:object), an HTTP status from 400 to 599, or one of "
    "timeout, hang, drop, not-json, truncated, empty, slow:MS. An EC code and a status come in the place of what the "
    "call does; slow holds its answer back for so many milliseconds, the others lose it. `:after` behind a "
    "status, `:before` behind drop or hang say otherwise"
)

_FORM = re.compile(r"(?P<route>[a-z/]+)=(?P<name>[A-Za-z0-9:-]+)(?:@(?P<rate>\d*\.?\d+)|\*(?P<times>\d+))?", re.ASCII)
_NAME = re.compile(
    r"EC\d{3}(:list|:object)?|[45]\d\d(:after)?|timeout|(hang|drop)(:before)?|not-json|truncated|empty|slow:\d{1,5}",
    re.ASCII,
)
_SILENT = {"timeout": Delivery.HUNG, "hang": Delivery.HUNG, "drop": Delivery.DROPPED}
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
    """None: until healed."""
    rate: float | None = None
    """Share of the calls that fail; None: each."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"There is no failure named {self.name!r}. Accepted: {FAULT_FORMS}.")
        if self.times is not None and self.times < 1:
            raise ValueError(f"TIMES has to be at least 1. Accepted: {FAULT_FORMS}.")
        if self.rate is not None and not 0 < self.rate <= 1:
            raise ValueError(f"RATE has to be above 0 and at most 1. Accepted: {FAULT_FORMS}.")


def parse_fault(text: str) -> Fault:
    """A fault as the command line tells it; ValueError says what is accepted."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a failure. Accepted: {FAULT_FORMS}.")
    rate, times = match["rate"], match["times"]
    return Fault(match["route"], match["name"], int(times) if times else None, float(rate) if rate else None)


class Faults:
    """What shall fail; of several faults on one route the one told first comes first."""

    def __init__(self, routes: Collection[str], seed: int) -> None:
        self._routes = routes
        self._random = Random(seed)
        self._pending: list[Fault] = []
        self._lock = Lock()

    def check(self, fault: Fault) -> None:
        """ValueError for a route that there is not."""
        if fault.route != ALL and fault.route not in self._routes:
            known = ", ".join(sorted(self._routes))
            raise ValueError(f"There is no route {fault.route!r}. Known: all, {known}.")

    def add(self, fault: Fault) -> None:
        self.check(fault)
        with self._lock:
            self._pending.append(fault)

    def remove(self, fault: Fault) -> None:
        """Those of this route and name, as far as there are any."""
        with self._lock:
            told = (fault.route, fault.name)
            self._pending = [item for item in self._pending if (item.route, item.name) != told]

    def clear(self) -> None:
        with self._lock:
            self._pending.clear()

    def all(self) -> tuple[Fault, ...]:
        with self._lock:
            return tuple(self._pending)

    def take(self, route: str) -> str | None:
        """The name of the failure that strikes this call, counted off; None if it may pass."""
        with self._lock:
            for place, fault in enumerate(self._pending):
                if fault.route in (route, ALL) and self._strikes(fault):
                    self._count_off(place, fault)
                    return fault.name
        return None

    def _strikes(self, fault: Fault) -> bool:
        return fault.rate is None or self._random.random() < fault.rate

    def _count_off(self, place: int, fault: Fault) -> None:
        if fault.times == 1:
            del self._pending[place]
        elif fault.times is not None:
            self._pending[place] = msgspec.structs.replace(fault, times=fault.times - 1)


def comes_before(name: str) -> bool:
    """Whether the failure keeps the call from having any effect."""
    return name.endswith(":before") or (name[0] in "E45" and not name.endswith((":after", "empty")))


def failed(route: str, name: str, answer: Answer) -> Answer:
    """What is sent in place of `answer`."""
    name = name.removesuffix(":before").removesuffix(":after")
    if name in _SILENT:
        return Answer(0, b"", delivery=_SILENT[name])
    if name.startswith("slow:"):
        return msgspec.structs.replace(answer, delay=int(name.partition(":")[2]) / 1000)
    if name == "truncated":
        return msgspec.structs.replace(answer, delivery=Delivery.TRUNCATED)
    if name == "not-json":
        return Answer(200, b"<html><body>Please try again later.</body></html>", "text/html")
    if name == "empty":
        return empty(route, answer)
    if name.startswith("EC"):
        code, _, form = name.partition(":")
        return ec(code, as_list=form == "list" if form else route not in AS_OBJECT)
    return http_error(int(name), _STATUS_WORDS.get(int(name), f"Simulated HTTP {name}"))


def empty(route: str, answer: Answer) -> Answer:
    """The "no data" form of a route; `answer` itself where the route has none."""
    if route in EMPTY_BOOKS:
        return empty_book(route)
    if route in _EMPTY_LISTS:
        return ok(_EMPTY_LISTS[route])
    return answer
