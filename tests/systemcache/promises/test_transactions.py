"""Transactions: what has written bypasses the cache, what was rolled back leaves nothing, what committed no debt."""

from contextlib import suppress
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.signals import post_delete, post_save
from pytest_django.fixtures import Settings
from redis import Redis

from systemcache.fetching import fetch_many
from systemcache.fetching.fetch import fetch
from systemcache.invalidation import outbox, snapshots, transactions
from systemcache.models import PendingInvalidation
from systemcache.storage import generations
from systemcache.storage.breaker import breaker
from tests.support.redis import use_redis
from tests.systemcache.promises.numbers import STRICT
from testservers.redis_server import RedisServer
from watchlist import selectors
from watchlist.cache_families import SIGNALS, WATCHLIST
from watchlist.models import Signal, WatchlistItem
from watchlist.schemas import WatchlistItemSchema

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_store")]


class RolledBack(Exception):
    pass


@pytest.fixture(autouse=True)
def item(transactional_db: None, redis_store: RedisServer) -> WatchlistItem:
    return WatchlistItem.objects.create(symbol="TCS", category="hold", notes="0")


@pytest.fixture
def drops(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What Redis was told to drop."""
    seen: list[list[str]] = []
    real = generations.invalidate_tags

    def recording(tags: list[str], *names: Any) -> None:
        seen.append(sorted(tags))
        real(tags, *names)

    monkeypatch.setattr(generations, "invalidate_tags", recording)
    return seen


def notes() -> tuple[str, str]:
    """What a reader sees, and where it comes from."""
    found = selectors.watchlist(active="true", category="hold")
    return ",".join(row.notes for row in found.value), found.state


def write(text: str) -> None:
    WatchlistItem.objects.filter(symbol="TCS").update(notes=text)


def pending() -> int:
    return PendingInvalidation.objects.count()


def test_a_transaction_that_has_written_reads_its_own_rows_and_fills_nothing() -> None:
    assert notes() == ("0", "miss")
    with transaction.atomic():
        write("1")
        assert notes() == ("1", "bypass")
        write("2")
        assert notes() == ("2", "bypass")
    assert notes() == ("2", "miss")
    assert notes() == ("2", "hit")


def test_one_that_has_written_only_to_another_table_uses_the_cache() -> None:
    notes()
    with transaction.atomic():
        Signal.objects.create(symbol="TCS", signal_type="buy")
        assert notes() == ("0", "hit")
        assert selectors.signals(limit=5).state == "bypass"


def test_a_reader_in_a_transaction_that_has_not_written_may_use_the_cache_and_fill_it() -> None:
    with transaction.atomic():
        assert notes() == ("0", "miss")
        assert notes() == ("0", "hit")
    assert notes() == ("0", "hit")


def test_a_rolled_back_transaction_leaves_nothing(drops: list[list[str]]) -> None:
    notes()
    with suppress(RolledBack), transaction.atomic():
        write("1")
        raise RolledBack
    assert not transactions.has_uncommitted_writes(WATCHLIST)
    assert (pending(), drops) == (0, [])
    assert notes() == ("0", "hit")


def test_a_rolled_back_savepoint_leaves_nothing(drops: list[list[str]]) -> None:
    notes()
    with transaction.atomic():
        with suppress(RolledBack), transaction.atomic():
            write("1")
            assert notes() == ("1", "bypass")
            raise RolledBack
        assert not transactions.has_uncommitted_writes(WATCHLIST)
        assert pending() == 0
        assert notes() == ("0", "hit")
    assert drops == []
    assert notes() == ("0", "hit")


def test_nested_savepoints_keep_what_was_written_outside_of_them(drops: list[list[str]]) -> None:
    notes()
    with transaction.atomic():
        with transaction.atomic():
            write("1")
            with suppress(RolledBack), transaction.atomic():
                write("2")
                raise RolledBack
            assert notes() == ("1", "bypass")
        assert notes() == ("1", "bypass")  # released, not committed
    assert (pending(), len(drops)) == (0, 1)
    assert notes() == ("1", "miss")


def test_a_savepoint_rolled_back_around_one_that_was_released_leaves_nothing(drops: list[list[str]]) -> None:
    notes()
    with transaction.atomic():
        with suppress(RolledBack), transaction.atomic():
            with transaction.atomic():
                write("1")
            raise RolledBack
        assert not transactions.has_uncommitted_writes(WATCHLIST)
        write("2")  # has to be recorded again
        assert pending() == 1
    assert (pending(), len(drops)) == (0, 1)
    assert notes() == ("2", "miss")


def test_many_writes_in_one_transaction_are_one_record_and_one_drop(
    item: WatchlistItem, drops: list[list[str]]
) -> None:
    with transaction.atomic():
        for number in range(3):
            item.notes = str(number)
            item.save()
            write(str(number))
        WatchlistItem.objects.bulk_create([WatchlistItem(symbol="INFY", category="hold")])
        assert pending() == 1
    assert pending() == 0
    assert drops == [["watchlist"]]


def test_a_write_outside_of_a_transaction_has_one_of_its_own(item: WatchlistItem, drops: list[list[str]]) -> None:
    notes()
    item.notes = "1"
    item.save()
    assert notes() == ("1", "miss")
    write("2")
    assert notes() == ("2", "miss")
    item.delete()
    assert notes() == ("", "miss")
    assert (pending(), drops) == (0, [["watchlist"]] * 3)


def test_a_write_of_two_tables_drops_both_families() -> None:
    with transaction.atomic():
        write("1")
        Signal.objects.create(symbol="TCS", signal_type="buy")
        assert pending() == 2
        assert transactions.has_uncommitted_writes(WATCHLIST)
        assert transactions.has_uncommitted_writes(SIGNALS)
    assert pending() == 0
    assert selectors.signals(limit=5).state == "miss"
    assert notes() == ("1", "miss")


def test_what_is_done_after_the_commit_sees_what_was_written() -> None:
    notes()
    seen: list[tuple[str, str]] = []
    with transaction.atomic():
        write("1")
        transaction.on_commit(lambda: seen.append(notes()))
    assert seen == [("1", "miss")]


def test_a_record_without_a_transaction_drops_at_once() -> None:
    notes()
    outbox.record("default", WATCHLIST)
    assert pending() == 0
    assert notes() == ("0", "miss")


def test_without_redis_the_record_stays_until_recovery_has_carried_it_out(
    redis_store: RedisServer, settings: Settings
) -> None:
    use_redis(settings, redis_store.url.replace("127.0.0.1", "localhost"), timeout=0.5)
    notes()
    redis_store.pause()
    try:
        write("1")
    finally:
        redis_store.resume()
    assert pending() == 1
    assert notes() == ("1", "bypass")  # this process does not trust Redis until it is in order
    assert outbox.replay_after_outage()
    breaker.reset()
    assert pending() == 0
    assert notes() == ("1", "miss")


def test_a_redis_that_refuses_to_drop_is_not_trusted_with_what_it_holds(redis: Redis) -> None:
    """It answers reads and refuses writes: its disk is full, it has lost its replicas, it has become one."""
    notes()
    redis.config_set("min-replicas-to-write", 1)
    try:
        write("1")
        assert pending() == 1
        assert notes() == ("1", "bypass")
    finally:
        redis.config_set("min-replicas-to-write", 0)
    assert outbox.replay_after_outage()
    breaker.reset()
    assert notes() == ("1", "miss")


def test_a_batch_within_a_transaction_that_has_written_bypasses_too() -> None:
    def one(number: int) -> int:
        found = fetch_many.fetch_many(STRICT, [{"name": "a"}], lambda _: [number])[0]
        assert found
        return found.value

    with suppress(RolledBack), transaction.atomic():
        outbox.record("default", STRICT)
        assert one(1) == 1
        raise RolledBack
    assert one(0) == 0
    assert fetch(STRICT, {"name": "a"}, lambda: 2).value == 0


def test_a_load_that_itself_writes_in_a_transaction_is_not_stored() -> None:
    def load() -> list[WatchlistItemSchema]:
        write("1")
        return [WatchlistItemSchema.of(row) for row in WatchlistItem.objects.all()]

    with suppress(RolledBack), transaction.atomic():
        fetch(WATCHLIST, {"active": "true", "category": "hold"}, load)
        raise RolledBack
    assert notes() == ("0", "miss")


@pytest.mark.parametrize("signal", [post_save, post_delete])
def test_a_receiver_that_runs_before_the_caches_own_reads_and_fills_nothing_uncommitted(
    item: WatchlistItem, signal: Any
) -> None:
    seen: list[tuple[str, str]] = []

    def receive(**_: object) -> None:
        seen.append(notes())

    signal.connect(receive, sender=WatchlistItem)
    signal.receivers.insert(0, signal.receivers.pop())
    signal.sender_receivers_cache.clear()
    try:
        with suppress(RolledBack), transaction.atomic():
            item.notes = "1"
            item.save() if signal is post_save else item.delete()
            raise RolledBack
    finally:
        signal.disconnect(receive, sender=WatchlistItem)
    assert [state for _, state in seen] == ["bypass"]
    assert notes() == ("0", "miss")


def test_a_transaction_that_was_begun_by_hand_is_dirty_too() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("Django begins SQLite's transactions itself")
    transaction.set_autocommit(False)
    try:
        write("1")
        assert notes() == ("1", "bypass")
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)
    assert notes() == ("0", "miss")


def test_what_another_hook_reads_on_commit_is_what_was_written() -> None:
    assert notes() == ("0", "miss")
    read: list[str] = []
    with transaction.atomic():
        transaction.on_commit(lambda: read.append(notes()[0]))
        write("1")
    assert read == ["1"]


def test_a_batch_that_was_read_under_an_old_snapshot_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "is_current", lambda: False)
    (old,) = fetch_many.fetch_many(STRICT, [{"name": "a"}], lambda _: [0])
    monkeypatch.undo()
    (new,) = fetch_many.fetch_many(STRICT, [{"name": "a"}], lambda _: [1])
    assert old
    assert new
    assert (old.value, new.value) == (0, 1)
