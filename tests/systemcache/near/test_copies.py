"""Copies in a process: shown while it is sure of having heard everything, and never what was dropped."""

from datetime import UTC, datetime

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from systemcache.codec import Entry
from systemcache.fetched import Content
from systemcache.near import OVERHEAD, SHARE, TRUST, Copies, Ticket
from systemcache.store import Spot

MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)
SPOT = Spot("sample:a", ("sample", "sample:a"))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def copies(clock: Clock) -> Copies:
    copies = Copies(clock)
    copies.heard_until = clock.now
    return copies


def content(number: int, size: int = 1) -> Content[int]:
    return Content(int, Entry(MADE_AT, 60, str(number).encode().rjust(size)))


def test_a_copy_is_shown(copies: Copies) -> None:
    one = content(1)
    copies.fill(copies.open(SPOT), one)
    assert copies.get("sample:a") is one


def test_a_process_that_has_not_heard_for_a_while_shows_no_copy_until_it_has(copies: Copies, clock: Clock) -> None:
    copies.fill(copies.open(SPOT), content(1))
    clock.now += TRUST + 0.001
    assert copies.get("sample:a") is None
    copies.heard_until = clock.now
    assert copies.get("sample:a") is not None


def test_one_that_never_heard_anything_shows_no_copy(clock: Clock) -> None:
    deaf = Copies(clock)
    deaf.fill(deaf.open(SPOT), content(1))
    assert deaf.get("sample:a") is None


@pytest.mark.parametrize("tag", SPOT.tags)
def test_a_dropped_tag_takes_its_copies(copies: Copies, tag: str) -> None:
    copies.fill(copies.open(SPOT), content(1))
    copies.drop_tags([tag])
    assert copies.get("sample:a") is None


def test_another_tag_takes_none(copies: Copies) -> None:
    copies.fill(copies.open(SPOT), content(1))
    copies.drop_tags(["other"])
    copies.drop_keys(["sample:b"])
    assert copies.get("sample:a") is not None


@pytest.mark.parametrize("how", ["tag", "key", "flush"])
def test_what_is_dropped_while_redis_is_asked_leaves_no_copy(copies: Copies, how: str) -> None:
    ticket = copies.open(SPOT)
    drop(copies, how)
    copies.fill(ticket, content(1))
    assert copies.get("sample:a") is None


def drop(copies: Copies, how: str) -> None:
    if how == "tag":
        copies.drop_tags(["sample"])
    elif how == "key":
        copies.drop_keys(["sample:a"])
    else:
        copies.flush()


def test_an_answer_that_was_asked_for_after_the_drop_is_kept_though_an_earlier_one_comes_late(copies: Copies) -> None:
    early = copies.open(SPOT)
    copies.drop_tags(["sample"])
    late = copies.open(SPOT)
    new = content(2)
    copies.fill(late, new)
    copies.fill(early, content(1))
    assert copies.get("sample:a") is new


def test_bytes_that_were_read_before_are_known_also_when_they_may_not_be_shown(copies: Copies, clock: Clock) -> None:
    one = content(1)
    copies.fill(copies.open(SPOT), one)
    clock.now += 3600
    assert copies.seen("sample:a") is one


def test_copies_take_no_more_than_their_bytes_and_the_oldest_go_first(clock: Clock) -> None:
    copies = Copies(clock, most=3 * (OVERHEAD + SHARE * 1000))
    copies.heard_until = clock.now
    for name in "abcd":
        copies.fill(copies.open(Spot(name, ("sample",))), content(1, size=1000))
    assert [copies.get(name) is not None for name in "abcd"] == [False, True, True, True]
    number, size = copies.size()
    assert (number, size) == (3, 3 * (OVERHEAD + SHARE * 1000))


def test_what_is_larger_than_all_room_is_not_copied(clock: Clock) -> None:
    copies = Copies(clock, most=OVERHEAD + 100)
    copies.fill(copies.open(SPOT), content(1, size=1000))
    assert copies.seen("sample:a") is None


class CopiesOfARedis(RuleBasedStateMachine):
    """Readers that may be held up between Redis's answer and the copy, and drops: never a value of before a drop."""

    def __init__(self) -> None:
        super().__init__()
        clock = Clock()
        self.copies = Copies(clock)
        self.copies.heard_until = clock.now
        self.number = dict.fromkeys("ab", 0)
        self.under_way: list[tuple[str, Ticket, Content[int]]] = []

    @rule(name=st.sampled_from("ab"))
    def ask(self, name: str) -> None:
        ticket = self.copies.open(Spot(name, ("all", f"tag:{name}")))
        self.under_way.append((name, ticket, content(self.number[name])))

    @rule(data=st.data())
    def answered(self, data: st.DataObject) -> None:
        if self.under_way:
            _, ticket, found = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
            self.copies.fill(ticket, found)

    @rule(name=st.sampled_from("ab"), how=st.sampled_from(["tag", "key", "all", "flush"]))
    def drop(self, name: str, how: str) -> None:
        self.number[name] += 1
        if how == "key":
            self.copies.drop_keys([name])
        elif how == "flush":
            self.copies.flush()
        else:
            self.copies.drop_tags(["all" if how == "all" else f"tag:{name}"])

    @invariant()
    def only_what_is_current_is_shown(self) -> None:
        for name, number in self.number.items():
            shown = self.copies.get(name)
            assert shown is None or int(shown.payload) == number


TestCopiesOfARedis = CopiesOfARedis.TestCase
