"""Copies in a process: shown while it is sure of having heard everything, and never what was dropped."""

from datetime import UTC, datetime

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from systemcache import conf
from systemcache.cached_value import Content
from systemcache.codec import Entry
from systemcache.local.near_cache import COPY_FACTOR, COPY_OVERHEAD, NearCache, Reservation
from systemcache.storage.key_names import EntryRef
from tests.support.clock import Clock

MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)
SPOT = EntryRef("sample:a", ("sample", "sample:a"))


@pytest.fixture
def clock() -> Clock[float]:
    return Clock(1000.0)


@pytest.fixture
def copies(clock: Clock[float]) -> NearCache:
    copies = NearCache(clock)
    copies.confirmed_until = clock.now
    return copies


def content(number: int, size: int = 1) -> Content[int]:
    return Content(int, Entry(MADE_AT, 60, str(number).encode().rjust(size)), families=())


def test_a_copy_is_shown(copies: NearCache) -> None:
    one = content(1)
    copies.fill(copies.reserve(SPOT), one)
    assert copies.get("sample:a") is one


def test_a_process_that_has_not_heard_for_a_while_shows_no_copy_until_it_has(
    copies: NearCache, clock: Clock[float]
) -> None:
    copies.fill(copies.reserve(SPOT), content(1))
    clock.now += conf.near_trust() + 0.001
    assert copies.get("sample:a") is None
    copies.confirmed_until = clock.now
    assert copies.get("sample:a") is not None


def test_one_that_never_heard_anything_shows_no_copy(clock: Clock[float]) -> None:
    deaf = NearCache(clock)
    deaf.fill(deaf.reserve(SPOT), content(1))
    assert deaf.get("sample:a") is None


@pytest.mark.parametrize("tag", SPOT.tags)
def test_a_dropped_tag_takes_its_copies(copies: NearCache, tag: str) -> None:
    copies.fill(copies.reserve(SPOT), content(1))
    copies.invalidate_tags([tag])
    assert copies.get("sample:a") is None


def test_another_tag_takes_none(copies: NearCache) -> None:
    copies.fill(copies.reserve(SPOT), content(1))
    copies.invalidate_tags(["other"])
    copies.remove_keys(["sample:b"])
    assert copies.get("sample:a") is not None


@pytest.mark.parametrize("how", ["tag", "key", "flush"])
def test_what_is_dropped_while_redis_is_asked_leaves_no_copy(copies: NearCache, how: str) -> None:
    reservation = copies.reserve(SPOT)
    drop(copies, how)
    copies.fill(reservation, content(1))
    assert copies.get("sample:a") is None


def drop(copies: NearCache, how: str) -> None:
    if how == "tag":
        copies.invalidate_tags(["sample"])
    elif how == "key":
        copies.remove_keys(["sample:a"])
    else:
        copies.clear()


def test_an_answer_that_was_asked_for_after_the_drop_is_kept_though_an_earlier_one_comes_late(
    copies: NearCache,
) -> None:
    early = copies.reserve(SPOT)
    copies.invalidate_tags(["sample"])
    late = copies.reserve(SPOT)
    new = content(2)
    copies.fill(late, new)
    copies.fill(early, content(1))
    assert copies.get("sample:a") is new


def test_bytes_that_were_read_before_are_known_also_when_they_may_not_be_shown(
    copies: NearCache, clock: Clock[float]
) -> None:
    one = content(1)
    copies.fill(copies.reserve(SPOT), one)
    clock.now += 3600
    assert copies.peek("sample:a") is one


def test_copies_take_no_more_than_their_bytes_and_the_oldest_go_first(clock: Clock[float]) -> None:
    copies = NearCache(clock, max_bytes=3 * (COPY_OVERHEAD + COPY_FACTOR * 1000))
    copies.confirmed_until = clock.now
    for name in "abcd":
        copies.fill(copies.reserve(EntryRef(name, ("sample",))), content(1, size=1000))
    assert [copies.get(name) is not None for name in "abcd"] == [False, True, True, True]
    number, size = copies.size()
    assert (number, size) == (3, 3 * (COPY_OVERHEAD + COPY_FACTOR * 1000))


def test_what_is_larger_than_all_room_is_not_copied(clock: Clock[float]) -> None:
    copies = NearCache(clock, max_bytes=COPY_OVERHEAD + 100)
    copies.fill(copies.reserve(SPOT), content(1, size=1000))
    assert copies.peek("sample:a") is None


class CopiesOfARedis(RuleBasedStateMachine):
    """Readers that may be held up between Redis's answer and the copy, and drops: never a value of before a drop."""

    def __init__(self) -> None:
        super().__init__()
        clock = Clock(1000.0)
        self.copies = NearCache(clock)
        self.copies.confirmed_until = clock.now
        self.number = dict.fromkeys("ab", 0)
        self.under_way: list[tuple[str, Reservation, Content[int]]] = []

    @rule(name=st.sampled_from("ab"))
    def ask(self, name: str) -> None:
        reservation = self.copies.reserve(EntryRef(name, ("all", f"tag:{name}")))
        self.under_way.append((name, reservation, content(self.number[name])))

    @rule(data=st.data())
    def answered(self, data: st.DataObject) -> None:
        if self.under_way:
            _, reservation, found = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
            self.copies.fill(reservation, found)

    @rule(name=st.sampled_from("ab"), how=st.sampled_from(["tag", "key", "all", "flush"]))
    def drop(self, name: str, how: str) -> None:
        self.number[name] += 1
        if how == "key":
            self.copies.remove_keys([name])
        elif how == "flush":
            self.copies.clear()
        else:
            self.copies.invalidate_tags(["all" if how == "all" else f"tag:{name}"])

    @invariant()
    def only_what_is_current_is_shown(self) -> None:
        for name, number in self.number.items():
            shown = self.copies.get(name)
            assert shown is None or int(shown.payload) == number


TestCopiesOfARedis = CopiesOfARedis.TestCase
