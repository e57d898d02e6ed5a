"""Reads and writes in an order that the test decides, over real processes and a real Redis: no read that begins after
a write has ended gets what was replaced."""

import time

import pytest
from redis import Redis

from systemcache.invalidation.clear import clear, target
from tests.systemcache.promises.processes import Puppet
from tests.systemcache.promises.source import BoardSource

NUMBER = "promise_number"
Puppets = list[Puppet]


def test_a_value_loaded_before_the_commit_is_not_stored_after_the_invalidation(
    puppets: Puppets, source: BoardSource
) -> None:
    first, second = puppets[:2]
    early = first.read(NUMBER, pause=True)
    assert early.is_loading() == 0
    source.write(1, NUMBER)
    early.finish().end()
    assert second.read(NUMBER).value() == 1
    assert first.read(NUMBER).value() == 1


def test_what_a_reader_refills_between_write_and_commit_goes_with_the_commit(
    puppets: Puppets, source: BoardSource
) -> None:
    first, second = puppets[:2]
    assert first.read(NUMBER).value() == 0  # the write is under way: the old value is what may be seen
    source.commit(1)
    assert second.read(NUMBER).value() == 0  # committed, not answered yet
    source.drop(NUMBER)
    assert first.read(NUMBER).value() == 1


def test_a_reader_that_arrives_after_the_write_does_not_wait_for_the_load_that_began_before(
    puppets: Puppets, source: BoardSource
) -> None:
    first, second, third = puppets[:3]
    early = first.read(NUMBER, pause=True)
    early.is_loading()
    source.write(1, NUMBER)
    assert second.read(NUMBER).value() == 1
    early.finish().end()
    assert third.read(NUMBER).end()["state"] == "hit"


def test_one_of_the_same_process_that_arrives_after_the_write_does_not_get_the_old_value(
    puppets: Puppets, source: BoardSource
) -> None:
    first = puppets[0]
    early = first.read(NUMBER, pause=True)
    early.is_loading()
    source.write(1, NUMBER)
    late = first.read(NUMBER)
    assert early.finish().value() == 0  # it began before the write
    assert late.value() == 1


def test_a_waiter_woken_by_a_store_that_was_refused_asks_again(puppets: Puppets, source: BoardSource) -> None:
    first, second = puppets[:2]
    early = first.read(NUMBER, pause=True)
    early.is_loading()
    waiter = second.read(NUMBER).waits()
    source.write(1, NUMBER)
    early.finish().end()
    assert waiter.value() == 1


def test_a_loader_slower_than_its_lease_cannot_store(puppets: Puppets, source: BoardSource) -> None:
    first, second = puppets[:2]
    slow = first.read("promise_brief", pause=True)
    slow.is_loading()
    source.commit(1)  # a write that drops nothing here: only the lease stands between the old value and the store
    assert second.read("promise_brief").value() == 1  # once the lease has ended
    assert slow.finish().value() == 0
    assert second.read("promise_brief").value() == 1
    assert first.read("promise_brief").value() == 1


def test_a_lease_that_has_ended_and_was_taken_by_another_does_not_let_the_first_one_store(
    puppets: Puppets, source: BoardSource
) -> None:
    first, second, third = puppets[:3]
    slow = first.read("promise_brief", pause=True)
    slow.is_loading()
    source.commit(1)
    other = second.read("promise_brief", pause=True)
    assert other.is_loading() == 1
    slow.finish().end()
    assert third.read("promise_brief").value() == 1  # waits for the second one's, or loads itself
    other.finish().end()
    assert first.read("promise_brief").value() == 1


@pytest.mark.parametrize("tag", [NUMBER, "promise:a"])
def test_a_load_is_not_stored_if_its_tag_was_invalidated_meanwhile(
    puppets: Puppets, source: BoardSource, tag: str
) -> None:
    first, second = puppets[:2]
    early = first.read(NUMBER, pause=True)
    early.is_loading()
    source.write(1, tag)
    early.finish().end()
    assert second.read(NUMBER).value() == 1


def test_another_tag_does_not_disturb_a_load(puppets: Puppets, source: BoardSource) -> None:
    first, second = puppets[:2]
    early = first.read(NUMBER, pause=True)
    early.is_loading()
    source.drop("promise:b")
    early.finish().end()
    assert second.read(NUMBER).end()["state"] == "hit"


@pytest.mark.django_db
@pytest.mark.parametrize("chosen", [{"pattern": "promise:*"}, {"family": NUMBER}, {"tag": "promise:a"}])
def test_a_clear_during_a_load_keeps_it_from_being_stored(
    puppets: Puppets, source: BoardSource, chosen: dict[str, str]
) -> None:
    first, second = puppets[:2]
    early = first.read(NUMBER, pause=True)
    early.is_loading()
    source.commit(1)
    clear(target(**chosen), by="test")
    late = first.read(NUMBER)
    early.finish().end()
    assert second.read(NUMBER).value() == 1
    assert late.value() == 1


def test_a_refresh_ahead_that_races_with_an_invalidation_is_not_stored(puppets: Puppets, source: BoardSource) -> None:
    first, second, third = puppets[:3]
    first.read("promise_ahead").end()
    first.do("clock", ahead=50)
    refresh = first.read("promise_ahead", pause=True)
    refresh.is_loading()
    assert second.read("promise_ahead").end()["state"] == "hit"  # the others get the value meanwhile
    source.write(1, "promise_ahead")
    assert third.read("promise_ahead").value() == 1
    refresh.finish().end()
    assert second.read("promise_ahead").value() == 1


def test_flushall_in_the_middle_of_a_load(puppets: Puppets, source: BoardSource, redis: Redis) -> None:
    first, second = puppets[:2]
    early = first.read(NUMBER, pause=True)
    early.is_loading()
    redis.flushall()
    source.write(1, NUMBER)
    early.finish().end()
    assert second.read(NUMBER).value() == 1


@pytest.mark.parametrize("lost", ["lease:*", "gen:*", "epoch:*", "wake:*", "*"])
def test_what_redis_evicts_during_a_load_makes_a_miss_and_no_old_value(
    puppets: Puppets, source: BoardSource, redis: Redis, lost: str
) -> None:
    first, second = puppets[:2]
    early = first.read(NUMBER, pause=True)
    early.is_loading()
    for name in redis.scan_iter(lost):
        redis.delete(name)
    source.write(1, NUMBER)
    early.finish().end()
    assert second.read(NUMBER).value() == 1
    assert first.read(NUMBER).end()["state"] == "hit"


@pytest.mark.parametrize("lost", ["gen:*:promise_number", "gen:*:promise:a", "epoch:*"])
def test_a_generation_that_was_evicted_and_made_again_does_not_make_an_old_value_valid(
    puppets: Puppets, source: BoardSource, redis: Redis, lost: str
) -> None:
    first, second = puppets[:2]
    first.read(NUMBER).end()
    (value_key,) = redis.keys("iifl:*")
    old = redis.dump(value_key)
    (evicted,) = redis.keys(lost)
    redis.delete(evicted)
    source.commit(1)
    assert second.read(NUMBER).value() == 1  # makes the generation again
    assert isinstance(old, bytes)
    redis.restore(value_key, 60_000, old, replace=True)
    assert first.read(NUMBER).value() == 1
    assert second.read(NUMBER).value() == 1


def test_a_store_that_is_refused_does_not_make_the_waiters_for_the_next_load_spin(
    puppets: Puppets, source: BoardSource
) -> None:
    first, second, third = puppets[:3]
    early = first.read(NUMBER, pause=True)
    early.is_loading()
    source.write(1, NUMBER)
    current = second.read(NUMBER, pause=True)
    current.is_loading()
    waiter = third.read(NUMBER).waits()
    early.finish().end()
    before = third.counts()["lease_waits"]
    time.sleep(0.6)
    waits = third.counts()["lease_waits"] - before
    current.finish().end()
    assert waiter.value() == 1
    assert waits <= 8  # slices of 0.2 s


def test_a_refresh_ahead_is_not_done_again_by_one_that_has_looked_before_it_ended(puppets: Puppets) -> None:
    first, second = puppets[:2]
    first.read("promise_ahead").end()
    for puppet in (first, second):
        puppet.do("clock", ahead=50)
    late = second.read("promise_ahead", stop_at="acquire")
    late.has_stopped()
    refreshed = first.read("promise_ahead").end()
    assert (refreshed["state"], refreshed["loads"]) == ("miss", 1)
    assert late.go_on().end()["loads"] == 0


@pytest.mark.parametrize("how", ["read", "read_many"])
def test_a_value_stored_between_look_and_lease_is_taken_and_not_loaded_again(puppets: Puppets, how: str) -> None:
    first, second, third = puppets[:3]
    late = second.read(NUMBER, do=how, stop_at="acquire")
    late.has_stopped()
    assert first.read(NUMBER, do=how).end()["loads"] == 1
    assert late.go_on().end()["loads"] == 0
    assert third.read(NUMBER, do=how).end()["state"] == "hit"  # and nobody holds the lease for nothing


def test_a_value_on_its_way_to_redis_when_it_is_invalidated_is_not_stored(
    puppets: Puppets, source: BoardSource
) -> None:
    first, second = puppets[:2]
    early = first.read(NUMBER, stop_at="store")
    early.is_loading()
    early.has_stopped()
    source.write(1, NUMBER)
    early.go_on().end()
    assert second.read(NUMBER).value() == 1


def test_a_batch_is_not_stored_if_it_was_invalidated_during_its_load(puppets: Puppets, source: BoardSource) -> None:
    first, second = puppets[:2]
    early = first.read(NUMBER, do="read_many", pause=True)
    early.is_loading()
    source.write(1, NUMBER)
    early.finish().end()
    assert second.read(NUMBER, do="read_many").value() == 1
