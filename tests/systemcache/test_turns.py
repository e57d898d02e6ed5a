"""Turns: so many in any window over all processes, in the order of asking, without a wait that is too long."""

from contextlib import suppress

import pytest
from django_redis import get_redis_connection
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from systemcache import shared_turns, store, turns
from systemcache.own_turns import Absence, NoTurnSoon, OwnCalls, OwnTurns, Pace

pytestmark = pytest.mark.usefixtures("redis_store")


def take(pace: Pace, *, name: str = "orders", longest: float = 60.0, processes: int = 1) -> float:
    return turns.take(name, pace, longest=longest, processes=processes)


def enter(token: str, pace: Pace, *, processes: int = 1) -> float:
    return turns.enter("orders", token, pace, processes)


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
    assert [enter(token, pace) for token in ("a", "b")] == [0, 0]
    assert 5 < enter("c", pace) <= turns.LONGEST_WAY
    turns.leave("orders", "a", pace)
    turns.leave("orders", "b", pace)
    assert 9 < enter("c", pace) <= 10


def test_a_call_whose_end_nobody_tells_counts_no_longer_than_it_can_be_on_its_way() -> None:
    assert enter("a", Pace(1, 10.0)) == 0
    left = get_redis_connection("default").pttl(shared_turns._calls_key("orders"))
    assert 0 < left <= 1000 * turns.LONGEST_WAY + 1000


def test_who_has_had_a_turn_keeps_to_the_process_share_when_redis_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many may have had their turns and wait for calls under way: they do not all go at once."""
    now = [100.0]
    monkeypatch.setattr(turns, "_calls", OwnCalls(lambda: now[0]))
    monkeypatch.setattr(turns, "_absence", Absence(lambda: now[0]))
    pace = Pace(4, 10.0)
    assert enter("a", pace) == 0
    turns.leave("orders", "a", pace)
    store.breaker.failed()
    assert enter("b", pace, processes=2) == 10  # what others called counts until then
    now[0] += 10
    assert [enter(token, pace, processes=2) for token in "bc"] == [0, 0]
    assert enter("d", pace, processes=2) == turns.LONGEST_WAY
    turns.leave("orders", "b", pace)
    now[0] += 5
    assert enter("d", pace, processes=2) == 1  # c has not ended: it arrived by then
    now[0] += 1
    assert enter("d", pace, processes=2) == 0


def test_a_process_keeps_to_its_share_until_the_others_must_have_found_redis_too(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.CACHE_BREAKER_PAUSE, settings.CACHE_KEEPER_INTERVAL = 2.0, 0.5
    now = [100.0]
    monkeypatch.setattr(turns, "_calls", OwnCalls(lambda: now[0]))
    monkeypatch.setattr(turns, "_absence", Absence(lambda: now[0]))
    pace = Pace(2, 1.0)
    store.breaker.failed()
    enter("a", pace, processes=2)
    store.breaker.reset()  # an empty Redis, which knows of no calls
    now[0] += 1
    assert enter("b", pace, processes=2) == 0
    assert enter("c", pace, processes=2) > 0
    turns.leave("orders", "b", pace)
    get_redis_connection("default").flushdb()
    now[0] += 3.5
    assert enter("d", pace, processes=2) == 0
    assert enter("e", pace, processes=2) == 0


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
        (Pace(10, 1.25), 4, Pace(2, 1.25)),
        (Pace(3, 1.25), 4, Pace(1, 5 / 3)),
        (Pace(2, 1.0), 100, Pace(1, 50.0)),
    ],
)
def test_shares_together_are_no_more_than_the_whole(pace: Pace, processes: int, share: Pace) -> None:
    found = pace.shared(processes)
    assert found.calls == share.calls
    assert found.window == pytest.approx(share.window)
    assert found.calls / found.window * processes <= pace.calls / pace.window + 1e-9
    assert found.calls * processes <= pace.calls or processes > pace.calls


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
