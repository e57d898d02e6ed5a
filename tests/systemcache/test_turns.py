"""Turns: so many in any window over all processes, in the order of asking, without a wait that is too long."""

from contextlib import suppress

import pytest
from django_redis import get_redis_connection
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from systemcache import shared_turns, store, turns
from systemcache.turns import NoTurnSoon, OwnTurns, Pace

pytestmark = pytest.mark.usefixtures("redis_store")


def take(pace: Pace, *, name: str = "orders", longest: float = 60.0, processes: int = 1) -> float:
    return turns.take(name, pace, longest=longest, processes=processes)


def test_the_turns_of_one_window_come_at_once_and_the_next_a_window_later() -> None:
    delays = [take(Pace(3, 10.0)) for _ in range(7)]
    assert delays[:3] == [0, 0, 0]
    assert all(9 < delay <= 10 for delay in delays[3:6])
    assert 19 < delays[6] <= 20


def test_names_do_not_share_their_turns() -> None:
    assert [take(Pace(1, 10.0), name=name) for name in ("orders", "trades")] == [0, 0]


def test_a_turn_too_far_off_is_refused_and_not_given() -> None:
    take(Pace(1, 10.0))
    for _ in range(2):  # a refused one moves nobody back
        with pytest.raises(NoTurnSoon) as refused:
            take(Pace(1, 10.0), longest=5.0)
        assert 9 < refused.value.seconds <= 10
    assert take(Pace(1, 10.0)) <= 10


def test_a_pause_keeps_all_waiting_until_it_is_over() -> None:
    turns.pause("orders", Pace(3, 1.0), seconds=30.0)
    delays = [take(Pace(3, 1.0)) for _ in range(4)]
    assert all(29 < delay <= 30 for delay in delays[:3])
    assert 30 < delays[3] <= 31


def test_a_call_counts_while_it_is_under_way_and_a_window_longer() -> None:
    pace = Pace(2, 10.0)
    assert [turns.enter("orders", token, pace) for token in ("a", "b")] == [0, 0]
    assert 5 < turns.enter("orders", "c", pace) <= turns.LONGEST_WAY
    turns.leave("orders", "a", pace)
    turns.leave("orders", "b", pace)
    assert 9 < turns.enter("orders", "c", pace) <= 10


def test_a_call_whose_end_nobody_tells_counts_no_longer_than_it_can_be_on_its_way() -> None:
    assert turns.enter("orders", "a", Pace(1, 10.0)) == 0
    left = get_redis_connection("default").pttl(shared_turns._calls_key("orders"))
    assert 0 < left <= 1000 * turns.LONGEST_WAY + 1000


def test_who_has_had_a_turn_goes_when_redis_is_gone() -> None:
    turns.enter("orders", "a", Pace(1, 10.0))
    store.breaker.failed()
    assert turns.enter("orders", "b", Pace(1, 10.0)) == 0
    turns.leave("orders", "b", Pace(1, 10.0))


def test_turns_are_forgotten_when_they_no_longer_matter() -> None:
    take(Pace(3, 10.0))
    left = get_redis_connection("default").pttl(shared_turns._turns_key("orders"))
    assert 9_000 < left <= 10_000


def test_something_else_under_the_name_leaves_each_process_its_share() -> None:
    get_redis_connection("default").set(shared_turns._turns_key("orders"), "planted")
    assert take(Pace(2, 10.0), processes=2) == 0
    assert 9 < take(Pace(2, 10.0), processes=2) <= 10


def test_what_redis_has_given_counts_when_it_is_gone(settings: Settings) -> None:
    for _ in range(3):
        take(Pace(3, 10.0))
    store.breaker.failed()
    assert take(Pace(3, 10.0)) > 9


def test_a_pause_counts_when_redis_is_gone() -> None:
    turns.pause("orders", Pace(3, 1.0), seconds=30.0)
    store.breaker.failed()
    assert take(Pace(3, 1.0)) > 29


@pytest.mark.parametrize(
    ("pace", "processes", "share"),
    [
        (Pace(3, 1.25), 1, Pace(3, 1.25)),
        (Pace(10, 1.25), 4, Pace(2, 1.0)),
        (Pace(3, 1.25), 4, Pace(1, 5 / 3)),
        (Pace(2, 1.0), 100, Pace(1, 50.0)),
    ],
)
def test_shares_add_up_to_the_whole(pace: Pace, processes: int, share: Pace) -> None:
    found = pace.shared(processes)
    assert found.calls == share.calls
    assert found.window == pytest.approx(share.window)
    assert found.calls / found.window * processes == pytest.approx(pace.calls / pace.window)


@given(
    calls=st.integers(1, 5),
    window=st.floats(0.5, 3.0),
    pauses=st.lists(st.floats(0, 2.0), min_size=1, max_size=60),
)
def test_no_window_of_a_process_ever_holds_more_than_its_turns(calls: int, window: float, pauses: list[float]) -> None:
    clock = [100.0]
    own, pace, given_at = OwnTurns(lambda: clock[0]), Pace(calls, window), []
    for pause in pauses:
        clock[0] += pause
        with suppress(NoTurnSoon):
            given_at.append(clock[0] + own.take("orders", pace, 5.0))
    apart = [later - earlier for earlier, later in zip(given_at, given_at[calls:], strict=False)]
    assert all(gap >= window - 1e-9 for gap in apart)
