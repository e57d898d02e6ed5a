"""Recovery and the outbox: nothing that was committed is forgotten, and no thread ends for good."""

import threading
from typing import Any

import pytest
from django.db import transaction
from pytest_django.fixtures import Settings
from redis import Redis

from systemcache import clock
from systemcache.errors import StoreUnavailable
from systemcache.fetching.fetch import fetch
from systemcache.invalidation import outbox, recovery
from systemcache.local import near_cache
from systemcache.models import PendingInvalidation
from systemcache.storage import connection, generations, key_names, leases
from systemcache.storage.breaker import breaker
from systemcache.storage.key_names import EntryRef
from systemcache.storage.tracking import TrackingConnection
from tests.systemcache.samples import NEAR, PRICE
from testservers.redis_server import RedisServer

pytestmark = pytest.mark.django_db(transaction=True)

REF = EntryRef("sample:price:A", ("sample_price",))


@pytest.fixture(autouse=True)
def empty_outbox(transactional_db: None) -> None:
    """A migration may have left a record, which the first start of the site carries out."""
    PendingInvalidation.objects.all().delete()


def test_a_write_after_a_savepoint_that_was_rolled_back_by_hand_is_recorded_again() -> None:
    breaker.failed()  # what is recorded stays, since Redis cannot be told
    with transaction.atomic():
        savepoint = transaction.savepoint()
        outbox.record("default", PRICE)
        transaction.savepoint_rollback(savepoint)
        outbox.record("default", PRICE)
    assert [row.tags for row in PendingInvalidation.objects.all()] == [["sample_price"]]


def test_writes_of_one_transaction_share_a_record() -> None:
    breaker.failed()
    with transaction.atomic():
        for _ in range(3):
            outbox.record("default", PRICE)
    assert PendingInvalidation.objects.count() == 1


def test_a_record_behind_many_others_is_carried_out_in_the_same_round(
    redis_store: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A revoked right must not wait for thousands of records that a bulk job has left."""
    rows = [PendingInvalidation(tags=["sample_price"]) for _ in range(2_000)]
    PendingInvalidation.objects.bulk_create([*rows, PendingInvalidation(tags=["sample_secret"])])
    invalidated: list[list[str]] = []
    real = generations.invalidate_tags

    def recording(tags: list[str], keys: Any = ()) -> None:
        invalidated.append(list(tags))
        real(tags, keys)

    monkeypatch.setattr(generations, "invalidate_tags", recording)
    recovery.run_once()
    assert invalidated == [["sample_price", "sample_secret"]]
    assert not PendingInvalidation.objects.exists()


def test_a_round_that_ends_with_a_system_exit_is_followed_by_another(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CACHE_RECOVERY_INTERVAL = 0.01
    rounds = threading.Semaphore(0)

    def one_round() -> None:
        rounds.release()
        raise SystemExit

    monkeypatch.setattr(recovery, "run_once", one_round)
    recovery.ensure_started()
    assert all(rounds.acquire(timeout=10) for _ in range(3))
    settings.CACHE_RECOVERY_INTERVAL = 0  # ends the thread
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "cache-recovery"]
    thread.join(10)


def test_a_lease_from_before_redis_set_its_clock_back_keeps_nobody_waiting(redis_store: RedisServer) -> None:
    """Its holder died, and it would last an hour longer than any lease is granted for."""
    assert leases.acquire(REF, 10).lease
    assert not leases.acquire(REF, 10).lease
    with Redis.from_url(redis_store.url) as redis:
        redis.pexpire(key_names.lease_key(REF.key), 3_600_000)
    assert leases.acquire(REF, 10).lease


def test_a_tracking_connection_without_its_subscription_vouches_for_nothing(
    redis_store: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failover may leave a connection that answers PING with a plain PONG, and never hears of an invalidation."""
    its_own = connection.dedicated_connection()
    monkeypatch.setattr(connection, "dedicated_connection", lambda: its_own)
    tracking = TrackingConnection(["iifl:"])
    tracking.ping()
    message = tracking.receive(5)
    assert message
    assert message.is_pong
    its_own.send_command("UNSUBSCRIBE")
    its_own.read_response()
    tracking.ping()
    with pytest.raises(StoreUnavailable):
        tracking.receive(5)


@pytest.mark.usefixtures("redis_store")
def test_a_lease_from_before_an_invalidation_keeps_nobody_waiting() -> None:
    """What its holder loads may not be stored: the next caller need not wait for it."""
    assert leases.acquire(REF, 10).lease
    generations.invalidate_tags(["sample_price"])
    assert leases.acquire(REF, 10).lease
    assert not leases.acquire(REF, 10).lease


@pytest.mark.usefixtures("redis_store")
def test_a_write_makes_the_copies_of_its_own_process_invalid_before_it_is_answered() -> None:
    """Without a word from Redis: the listener is not even running."""
    fetch(NEAR, {"which": "a"}, lambda: 1)
    fetch(NEAR, {"which": "a"}, lambda: 1)  # a hit, which leaves a copy
    near_cache.copies.confirmed_until = clock.boottime() + 60
    assert near_cache.copies.get("sample:near:a")
    outbox.record("default", NEAR)
    assert near_cache.copies.get("sample:near:a") is None


@pytest.mark.usefixtures("redis_store")
def test_of_more_records_than_one_batch_the_last_is_heard_of_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "BATCH", 10)
    rows = [PendingInvalidation(tags=["sample_price"]) for _ in range(25)]
    PendingInvalidation.objects.bulk_create([*rows, PendingInvalidation(tags=["sample_secret"])])
    invalidated: list[list[str]] = []
    real = generations.invalidate_tags

    def recording(tags: list[str], keys: Any = ()) -> None:
        invalidated.append(list(tags))
        real(tags, keys)

    monkeypatch.setattr(generations, "invalidate_tags", recording)
    recovery.run_once()
    assert invalidated[0] == ["sample_price", "sample_secret"]
    assert not PendingInvalidation.objects.exists()
