"""Invalidations that survive: recorded with the write, carried out on commit, by the keeper if that did not happen."""

import logging
from collections.abc import Iterable
from typing import Any

from django.db import transaction

from systemcache import away, families, near, store
from systemcache.dirty import AfterCommit
from systemcache.errors import StoreUnavailable
from systemcache.families import Family
from systemcache.models import PendingInvalidation

logger = logging.getLogger(__name__)
MOST_AT_ONCE = 500  # records that one replay takes


def record(using: str, *touched: Family[Any]) -> None:
    """Within a write's transaction: the families will be dropped when it commits, and are dirty until then."""
    names = frozenset(family.name for family in touched)
    if not names:
        return
    connection = transaction.get_connection(using)
    if not connection.in_atomic_block:
        # A way to write that nobody thought of: the write stands already, so drop at once.
        with transaction.atomic(using=using):
            record(using, *touched)
        return
    if any(isinstance(entry[1], AfterCommit) and names <= entry[1].families for entry in connection.run_on_commit):
        return  # said already, and forgotten only together with what is written now
    pending = PendingInvalidation.objects.using(using).create(tags=sorted(names))
    work = AfterCommit(names, lambda: _carry_out(using, pending.pk, names))
    transaction.on_commit(work, using=using, robust=True)  # the write has committed: nothing may make it look failed


def _carry_out(using: str, pk: int, tags: Iterable[str]) -> None:
    """After the commit, before the write is answered. What cannot be done now is left to the keeper."""
    tags = list(tags)
    away.forget()
    try:
        store.drop(tags, _named_keys(tags))
    except StoreUnavailable as error:
        logger.debug("cache: %s will be dropped when Redis is back: %s", ", ".join(tags), error)
        return
    finally:
        near.drop(tags)  # not before: a reader may have copied the old value from Redis until now
    PendingInvalidation.objects.using(using).filter(pk=pk).delete()


def _named_keys(tags: Iterable[str]) -> list[str]:
    """The keys of the families that can name theirs: their memory is freed at once, not at the end of their TTL."""
    known = {family.name: family for family in families.registered()}
    return [key for tag in tags if tag in known for key in known[tag].every_key()]


def replay() -> int:
    """Carries out what is recorded and committed; returns how many records. Raises StoreUnavailable, DatabaseError.

    Doing so twice, or while the writer does it too, does no harm.
    """
    pending = _pending()
    if pending:
        tags = _tags(pending)
        store.drop(tags, _named_keys(tags))
        near.drop(tags)
        _done(pending)
        logger.debug("cache: %d invalidations carried out for others", len(pending))
    return len(pending)


def put_in_order() -> bool:
    """After an outage: carries out everything that is recorded, past the breaker. False when Redis is still away."""
    if not store.answers():
        return False
    while True:
        pending = _pending()
        if not store.put_in_order(_tags(pending)):
            return False
        near.drop(_tags(pending))
        _done(pending)
        if len(pending) < MOST_AT_ONCE:
            away.forget()
            return True


def _pending() -> list[PendingInvalidation]:
    return list(PendingInvalidation.objects.order_by("pk")[:MOST_AT_ONCE])


def _tags(pending: list[PendingInvalidation]) -> list[str]:
    return sorted({str(tag) for row in pending for tag in row.tags})


def _done(pending: list[PendingInvalidation]) -> None:
    if pending:
        PendingInvalidation.objects.filter(pk__in=[row.pk for row in pending]).delete()
