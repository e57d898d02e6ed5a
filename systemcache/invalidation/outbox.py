"""The outbox: each write leaves a record in its own transaction of what it invalidates. The record is dispatched after
the commit by the process that wrote, or replayed by recovery.py: after a crash, or if another program has written.

Triggers leave the records of writes to the site's own tables (triggers.py); `record` leaves those of other changes.
"""

import json
import logging
from collections.abc import Iterable
from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction
from django.db.models import QuerySet

from systemcache import commits, conf, families
from systemcache.errors import StoreUnavailable
from systemcache.families import Family
from systemcache.invalidation import fencing, triggers
from systemcache.invalidation.transactions import PendingInvalidationHook
from systemcache.local import degraded
from systemcache.local.near_cache import copies
from systemcache.models import PendingInvalidation, RedisInUse
from systemcache.storage import generations
from systemcache.storage.breaker import breaker

logger = logging.getLogger(__name__)
TABLE = PendingInvalidation._meta.db_table
FENCE = RedisInUse._meta.db_table
BATCH = 5_000  # records that are read, and carried out, together
DELETE_BATCH = 500  # records that one statement deletes: SQLite bounds the parameters of a statement


def record(using: str, *touched: Family[Any]) -> None:
    """Record that the families are invalidated when the transaction commits; outside a transaction, at once."""
    names = sorted({family.name for family in touched})
    if not names:
        return
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        for statement in triggers.record_statements(connections[using], names):
            cursor.execute(statement)
        written(using, *touched)


def written(using: str, *touched: Family[Any]) -> None:
    """A write of this process has left a record: dispatch it when it has committed.

    Until then the families count as written. The hook runs before all others, so these see what was written, and none
    that fails keeps it from running.
    """
    connection = connections[using]
    names = frozenset(family.name for family in touched)
    if not connection.in_atomic_block and connection.get_autocommit():
        _dispatch_safely(using, names)
    elif not any(_is_ours(entry[1], names) for entry in connection.run_on_commit):
        hook = PendingInvalidationHook(names, lambda: _dispatch_safely(using, names))
        commits.on_commit(hook, using)
        hooks = connection.run_on_commit
        first = next(at for at, entry in enumerate(hooks) if not _is_ours(entry[1]) or entry[1] is hook)
        hooks.insert(first, hooks.pop())


def _is_ours(hook: object, names: frozenset[str] | None = None) -> bool:
    return isinstance(hook, PendingInvalidationHook) and names in (None, hook.families)


def _dispatch_safely(using: str, names: Iterable[str]) -> None:
    """The write has committed: nothing may make it look failed."""
    try:
        dispatch(using, sorted(names))
    except Exception:  # whatever it is, the write has committed
        logger.exception("cache: dispatching an invalidation failed, recovery retries")


def dispatch(using: str, tags: list[str]) -> None:
    """After the commit, before the write is answered. What fails now is left to recovery.

    Carries out all records of these tags that are committed by now.
    """
    degraded.discard()
    ids: list[int] = []
    in_use: str | None = None
    try:
        # Before the invalidation in Redis, which may not cover later commits.
        ids, in_use = _committed(using, tags)
    except DatabaseError as error:  # no such table yet, during the first migration
        logger.debug("cache: the outbox cannot be read: %s", error)
    try:
        generations.invalidate_tags(tags, _known_keys(tags))
    except StoreUnavailable as error:
        logger.debug("cache: %s will be invalidated when Redis is back: %s", ", ".join(tags), error)
        return
    finally:
        copies.invalidate_tags(tags)  # not earlier: until now a reader may have copied the old value from Redis
    if fencing.reached(in_use):
        _delete(using, ids)
    else:  # this invalidated in a Redis that is not in use: recovery does it in the right one
        breaker.failed(fencing.LEFT_BEHIND)


def _committed(using: str, tags: list[str]) -> tuple[list[int], str | None]:
    """The numbers of the records of these tags, and the run id of the Redis in use at that moment.

    In SQL, as in `_delete`: the ORM would take a tenth of a write.
    """
    value = "%s" if connections[using].vendor == "sqlite" else "%s::jsonb"
    with connections[using].cursor() as cursor:
        in_use = f"(SELECT run_id FROM {FENCE} WHERE prefix = %s)"  # noqa: S608 - our own names
        cursor.execute(
            f"SELECT id, {in_use} FROM {TABLE} WHERE tags = {value} LIMIT {BATCH}",  # noqa: S608 - our own names
            [conf.prefix(), json.dumps(tags)],
        )
        rows = cursor.fetchall()
    return [pk for pk, _ in rows], rows[0][1] if rows else None


def _records(using: str) -> QuerySet[PendingInvalidation]:
    return PendingInvalidation.objects.using(using)


def _known_keys(tags: Iterable[str]) -> list[str]:
    """All keys of the families that can list theirs: their memory is freed at once, not at the end of the TTL."""
    known = {family.name: family for family in families.registered()}
    return [key for tag in tags if tag in known for key in known[tag].every_key()]


def replay() -> int:
    """Carry out what is recorded and committed; return how many records. Raises StoreUnavailable, DatabaseError.

    Replaying twice, or while the writer dispatches too, does no harm.
    """
    carried_out = 0
    while True:
        records = _oldest()
        if records:
            in_use = fencing.run_id_in_use()  # after they were read: what another server holds from now on is newer
            _invalidate(_tags(records))
            if not fencing.reached(in_use):
                raise StoreUnavailable(fencing.LEFT_BEHIND)
            _delete(DEFAULT_DB_ALIAS, [pk for pk, _ in records])
            logger.debug("cache: replayed %d invalidations", len(records))
        carried_out += len(records)
        if len(records) < BATCH:
            return carried_out


def _invalidate(tags: list[str]) -> None:
    try:
        generations.invalidate_tags(tags, _known_keys(tags))
    finally:
        copies.invalidate_tags(tags)


def replay_after_outage() -> bool:
    """After an outage: carry out everything that is recorded, past the breaker. False if Redis is still away."""
    if not _rejoined():
        return False
    breaker.allow_invalidations()
    while True:
        records = _oldest()
        tags = _tags(records)
        if not generations.replay_invalidations(tags):
            return False
        copies.invalidate_tags(tags)
        _delete(DEFAULT_DB_ALIAS, [pk for pk, _ in records])
        if len(records) < BATCH:
            degraded.discard()
            return True


def _rejoined() -> bool:
    try:
        return fencing.rejoin()
    except StoreUnavailable:
        return False


Record = tuple[int, list[str]]


def _oldest() -> list[Record]:
    """The oldest records, by number and tags.

    If there are more, the first one stands for the tags of all: a revoked right must not wait behind the records of a
    bulk job.
    """
    records: list[Record] = list(_records(DEFAULT_DB_ALIAS).order_by("pk").values_list("pk", "tags")[:BATCH])
    if len(records) == BATCH:
        others = _records(DEFAULT_DB_ALIAS).order_by().values_list("tags", flat=True).distinct()
        records[0] = (records[0][0], [*records[0][1], *(tag for tags in others for tag in tags)])
    return records


def _tags(records: list[Record]) -> list[str]:
    return sorted({str(tag) for _, tags in records for tag in tags})


def _delete(using: str, ids: list[int]) -> None:
    for start in range(0, len(ids), DELETE_BATCH):
        batch = ids[start : start + DELETE_BATCH]
        with connections[using].cursor() as cursor:
            places = ", ".join(["%s"] * len(batch))
            cursor.execute(f"DELETE FROM {TABLE} WHERE id IN ({places})", batch)  # noqa: S608 - our own names
