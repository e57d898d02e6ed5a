"""What was seen, held against what is promised while machines fail (docs/cache/failures.md, docs/operations.md)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.infra.hosts.faults import Fault
from tests.infra.hosts.traffic import Seen, Told, Traffic, version_of

STALE_BOUND = 0.5  # seconds: one round of recovery
WITHOUT_CACHE_BOUND = 1.0  # seconds after Sentinel's decision
SLACK = 1.0  # seconds by which a busy machine may be late
ABSENT_FOR = 3.0  # seconds
EVENT_WITHIN = 30.0  # seconds until a follower has an event, or was told to read everything again
EDGE, DATABASE = "edge", "db"
MARK = len("TS") + 14  # what the site puts before an order's own label
# Errors that the design names: of the site's own limits, and of the broker's absence.
OWN_LIMITS = frozenset({"broker_busy", "too_many_loads"})
ORDERS = frozenset({"order_outcome_unknown", "order_under_way"})


@dataclass(frozen=True)
class Judgement:
    """`wrong`: what breaks a promise; the rest are figures."""

    wrong: Sequence[str]
    figures: Sequence[str]


@dataclass(frozen=True)
class Run:
    traffic: Traffic
    faults: Sequence[Fault]
    decisions: Sequence[float]  # when the first sentinel named another primary
    addresses: Mapping[str, str]  # of the machines
    book: Sequence[Mapping[str, str]]  # the broker's orders

    def judged(self) -> Judgement:
        wrong = [*self._errors(), *self._stale_reads(), *self._orders(), *self._without_cache(), *self._lost_events()]
        return Judgement(wrong, [*self._figures()])

    def named(self, seen: Seen) -> str:
        faults = "; ".join(str(fault) for fault in self._around(seen, 0.2, 2.0)) or "all well"
        return (
            f"{seen.method} {seen.path} {seen.status} {seen.code} of {seen.host or 'nobody'}, "
            f"{seen.seconds:.2f} s, during: {faults}"
        )

    def _around(self, seen: Seen, before: float, after: float) -> list[Fault]:
        return [
            fault
            for fault in self.faults
            if fault.began - before <= seen.at + seen.seconds and seen.at <= fault.ended + after
        ]

    # --- errors ----------------------------------------------------------------------------------------------

    def _errors(self) -> Iterable[str]:
        return [self.named(seen) for seen in self._failed() if not self._is_named_by_the_design(seen)]

    def _failed(self) -> list[Seen]:
        return [seen for seen in self.traffic.seen if seen.status >= 500 or seen.status == 0]

    def _is_named_by_the_design(self, seen: Seen) -> bool:
        faults = self._around(seen, 0.2, 15.0)
        touched = {place for fault in faults for place in fault.at}
        if seen.code == "proxy":  # a request that changes something is not repeated elsewhere once it was sent
            return seen.method != "GET" and any(self.addresses[place] == seen.host for place in touched)
        if seen.code == "database_unavailable":
            return any(fault.kind.startswith("part") and DATABASE in fault.at for fault in faults)
        if seen.code in ORDERS:
            return bool(faults) and seen.method != "GET"
        if seen.code in OWN_LIMITS:
            return bool(faults)
        if seen.path == "/stream":  # there is no event log to read from
            return bool(faults)
        return "broker" in seen.path and any(EDGE in fault.at for fault in faults)

    # --- stale reads -----------------------------------------------------------------------------------------

    def _stale_reads(self) -> Iterable[str]:
        for seen in self.traffic.seen:
            if seen.stale and not self._may_be_stale(seen):
                yield f"{seen.stale:.2f} s old: {self.named(seen)}"

    def _may_be_stale(self, seen: Seen) -> bool:
        """Only around a fault; while one lasts for longer only if its process was stopped and goes on."""
        around = self._around(seen, 0.0, STALE_BOUND + SLACK)
        if any(fault.kind in ("stop web", "stop a worker") and self._concerns(fault, seen) for fault in around):
            return True
        return bool(around) and seen.stale <= STALE_BOUND + SLACK

    def _concerns(self, fault: Fault, seen: Seen) -> bool:
        return seen.host in [self.addresses[place] for place in fault.at]

    # --- orders ----------------------------------------------------------------------------------------------

    def _orders(self) -> Iterable[str]:
        labels = Counter(row["tag"][MARK:].lower() for row in self.book if len(row["tag"]) > MARK)
        numbers = {row["order_id"] for row in self.book}
        yield from (f"order {label} was placed {times} times" for label, times in labels.items() if times > 1)
        yield from self.traffic.contradictions
        for label, (number, _) in self.traffic.placed.items():
            if number not in numbers:
                yield f"order {label}, {number}, was accepted and is not in the broker's book"

    # --- without a cache -------------------------------------------------------------------------------------

    def _without_cache(self) -> Iterable[str]:
        for late, seen in self._after_decisions():
            if late > WITHOUT_CACHE_BOUND + SLACK:
                yield f"without a cache {late:.2f} s after Sentinel's decision: {self.named(seen)}"

    def _after_decisions(self) -> Iterable[tuple[float, Seen]]:
        """Reads without a cache from a decision on, before the next fault, of machines that no partition concerns.

        A machine's reads count until it has had none of them for ABSENT_FOR seconds: then it has found Redis.
        """
        without = sorted((seen for seen in self.traffic.seen if _is_without_cache(seen)), key=lambda seen: seen.at)
        for decision in self.decisions:
            until = min((fault.began for fault in self.faults if fault.began > decision), default=float("inf"))
            during = [fault for fault in self.faults if fault.began <= decision and decision < fault.ended + 10.0]
            last: dict[str, float] = {}
            for seen in without:
                cut_off = [fault for fault in during if self._concerns(fault, seen) and fault.kind != "fail over"]
                since = max([decision, *(fault.ended for fault in cut_off)])
                if seen.at <= since or seen.at + seen.seconds >= until:
                    continue
                if seen.at - last.get(seen.host, since) < ABSENT_FOR:
                    last[seen.host] = seen.at
                    yield seen.at - since, seen

    # --- events ----------------------------------------------------------------------------------------------

    def _lost_events(self) -> Iterable[str]:
        for number, told in enumerate(self.traffic.told):
            had: dict[int, int] = {}
            orders = set()
            for event in told.events:
                if event.name == "watchlist":
                    item = event.data["id"]
                    had[item] = max(had.get(item, 0), version_of(event.data))
                elif event.name == "order":
                    orders.add(event.data["order_id"])
            yield from self._lost_by(f"follower {number}", told, orders)
            twice = [id_ for id_, times in Counter(event.id for event in told.events).items() if times > 1]
            yield from (f"follower {number} got the event {id_} twice" for id_ in twice)

    def _lost_by(self, name: str, told: Told, orders: set[str]) -> Iterable[str]:
        received = {(event.data["id"], version_of(event.data)) for event in told.events if event.name == "watchlist"}
        for row in self.traffic.rows.values():
            for version, at in row.answered:
                if (row.item, version) not in received and not _was_told(told, row.begun[version]):
                    yield f"{name} lost v{version} of {row.item}: {self._at(at)}"
        for label, (number, at) in self.traffic.placed.items():
            if number not in orders and not _was_told(told, at):
                yield f"{name} lost order {label}: {self._at(at)}"

    def _at(self, at: float) -> str:
        return self.named(Seen(at, 0.0, "", "write", "", 200))

    # --- figures ---------------------------------------------------------------------------------------------

    def _figures(self) -> Iterable[str]:
        seen = self.traffic.seen
        yield f"{len(self.faults)} faults, {len(self.decisions)} failovers"
        yield f"{len(seen)} requests, {sum(len(row.answered) for row in self.traffic.rows.values())} writes answered"
        yield f"errors that the design names: {dict(Counter(f'{one.status} {one.code}' for one in self._failed()))}"
        stale = [one.stale for one in seen if one.stale]
        yield f"stale reads: {len(stale)}, {max(stale, default=0.0):.2f} s at the most"
        late = [late for late, _ in self._after_decisions()]
        yield f"without a cache after Sentinel's decision: {max(late, default=0.0):.2f} s at the most"
        yield f"orders: {len(self.traffic.placed)} accepted, {len(self.book)} in the broker's book"
        events, gaps = (
            [len(told.events) for told in self.traffic.told],
            [len(told.gaps) for told in self.traffic.told],
        )
        yield f"events received: {events}; told to read everything again: {gaps}"


def _is_without_cache(seen: Seen) -> bool:
    return seen.method == "GET" and seen.state == "bypass"


def _was_told(told: Told, at: float) -> bool:
    return any(at <= gap <= at + EVENT_WITHIN for gap in told.gaps)
