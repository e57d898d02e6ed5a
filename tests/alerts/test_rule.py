"""When an alert fires: once a crossing, whatever prices come, however often the site is started again."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.judging.index import AlertIndex
from alerts.judging.rule import Price, Verdict, is_old, judge
from alerts.models import Kind
from alerts.schemas import WatchedAlert

MADE = datetime(2026, 1, 8, 5, 0, tzinfo=UTC)
RELIANCE = ("NSEEQ", "2885")


def alert(kind: Kind = Kind.ABOVE, value: str = "100", *, armed: bool | None = True, number: int = 1) -> WatchedAlert:
    return WatchedAlert(
        id=number,
        exchange="NSEEQ",
        symbol="RELIANCE",
        instrument_id="2885",
        kind=kind,
        value=Decimal(value),
        armed=armed,
        created_at=MADE,
    )


def price(ltp: str, change: str | None = "0", *, second: int = 1, live: bool = True) -> Price:
    return Price(Decimal(ltp), None if change is None else Decimal(change), MADE + timedelta(seconds=second), live)


@pytest.mark.parametrize(
    ("kind", "short", "at"),
    [
        (Kind.ABOVE, price("99.95"), price("100.00", second=2)),
        (Kind.BELOW, price("100.05"), price("100.00", second=2)),
        (Kind.CHANGE_ABOVE, price("5", "99.99"), price("5", "100.00", second=2)),
        (Kind.CHANGE_BELOW, price("5", "100.01"), price("5", "100.00", second=2)),
    ],
)
def test_an_armed_alert_fires_at_its_value_and_not_short_of_it(kind: Kind, short: Price, at: Price) -> None:
    assert judge(alert(kind), None, short) is Verdict.NOTHING
    assert judge(alert(kind), short, at) is Verdict.FIRE


def test_a_price_that_was_past_the_value_from_the_start_has_to_come_back_first() -> None:
    assert judge(alert(armed=None), None, price("105")) is Verdict.WAIT
    assert judge(alert(armed=False), price("105"), price("106", second=2)) is Verdict.NOTHING
    assert judge(alert(armed=False), price("106"), price("99", second=2)) is Verdict.ARM


def test_the_first_price_after_a_restart_fires_what_was_crossed_meanwhile() -> None:
    assert judge(alert(armed=True), None, price("105")) is Verdict.FIRE


def test_a_price_that_is_not_live_means_nothing() -> None:
    assert judge(alert(), None, price("105", live=False)) is Verdict.NOTHING


def test_a_price_of_before_the_alert_means_nothing() -> None:
    assert judge(alert(), None, price("105", second=-5)) is Verdict.NOTHING


def test_a_repeated_or_older_price_means_nothing() -> None:
    before = price("105", second=10)
    assert judge(alert(), before, before) is Verdict.NOTHING
    assert judge(alert(), before, price("110", second=9)) is Verdict.NOTHING
    assert judge(alert(), before, price("110", second=10)) is Verdict.FIRE  # another trade of the same second


def test_an_unknown_change_means_nothing() -> None:
    assert judge(alert(Kind.CHANGE_ABOVE), None, price("105", None)) is Verdict.NOTHING


# --- any prices, any restarts ------------------------------------------------------------------------------

numbers = st.integers(95, 105).map(Decimal)
kinds = st.sampled_from(list(Kind))
on_a_busy_machine = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


class Step(NamedTuple):
    """A price, whether it is live, how much later it was traded, and whether the site is started again before it."""

    ltp: Decimal
    change: Decimal
    live: bool
    seconds: int
    restart: bool


steps = st.lists(
    st.tuples(numbers, numbers, st.sampled_from([True, True, False]), st.integers(-2, 3), st.booleans()).map(
        lambda parts: Step(*parts)
    ),
    max_size=20,
)
alerts_of_all_kinds = st.lists(
    st.builds(lambda kind, value, armed: (kind, value, armed), kinds, numbers, st.sampled_from([None, True, False])),
    min_size=1,
    max_size=8,
).map(lambda some: [alert(kind, str(value), armed=armed, number=n) for n, (kind, value, armed) in enumerate(some)])


def timed(some: Iterable[Step]) -> Iterator[tuple[Price, bool]]:
    at = MADE
    for step in some:
        at += timedelta(seconds=step.seconds)
        yield Price(step.ltp, step.change, at, step.live), step.restart


@on_a_busy_machine
@given(kinds, numbers, st.sampled_from([None, True, False]), steps)
def test_an_alert_fires_at_the_first_crossing_and_never_again(
    kind: Kind, value: Decimal, armed: bool | None, some: list[Step]
) -> None:
    """The crossing is found here from the prices alone: those that are live and new, in the order of their times."""
    watched: WatchedAlert | None = alert(kind, str(value), armed=armed)
    fired: list[Price] = []
    before: Price | None = None
    seen: list[Price] = []
    for new, restart in timed(some):
        if restart:  # what is remembered is what the database holds
            before = None
        if new.live and new.at >= MADE - timedelta(seconds=1) and not (before and is_old(before, new)):
            seen.append(new)
        if watched:
            verdict = judge(watched, before, new)
            if verdict is Verdict.FIRE:
                fired.append(new)
                watched = None
            elif verdict is not Verdict.NOTHING:
                watched = msgspec.structs.replace(watched, armed=verdict is Verdict.ARM)
        if new.live and not (before and is_old(before, new)):
            before = new
    assert fired == first_crossing(kind, value, armed, seen)


def first_crossing(kind: Kind, value: Decimal, armed: bool | None, seen: list[Price]) -> list[Price]:
    was_short = bool(armed)
    for new in seen:
        number = new.ltp if kind.is_price else new.change_percent
        assert number is not None
        short = number < value if kind.is_upward else number > value
        if was_short and not short:
            return [new]
        was_short = short
    return []


@on_a_busy_machine
@given(alerts_of_all_kinds, steps)
def test_the_index_says_what_the_rule_says_of_each_alert(some: list[WatchedAlert], prices: list[Step]) -> None:
    index = AlertIndex()
    index.replace(some)
    left = {item.id: item for item in some}
    before: Price | None = None
    for new, _ in timed(prices):
        expected = {}
        for item in list(left.values()):
            verdict = judge(item, before, new)
            if verdict is Verdict.NOTHING:
                continue
            expected[item.id] = verdict
            if verdict is Verdict.FIRE:
                del left[item.id]
            else:
                left[item.id] = msgspec.structs.replace(item, armed=verdict is Verdict.ARM)
        assert {found.alert_id: found.verdict for found in index.judge(RELIANCE, new)} == expected
        if new.live and not (before and is_old(before, new)):
            before = new


def test_a_price_of_another_instrument_means_nothing() -> None:
    index = AlertIndex()
    index.replace([alert()])
    assert index.judge(("BSEEQ", "2885"), price("105")) == []


def test_alerts_that_are_replaced_keep_the_last_price() -> None:
    index = AlertIndex()
    index.replace([alert(armed=False)])
    assert index.judge(RELIANCE, price("105", second=5)) == []
    index.replace([alert(armed=True)])
    assert index.judge(RELIANCE, price("106", second=4)) == []  # older than the last one
