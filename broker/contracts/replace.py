"""Replaces a file's contracts atomically, by one refresher at a time.

A refresher claims the file, writes a new generation in short transactions (other writers to SQLite wait for each),
makes it the live one, and finally deletes the rows of other generations. Each batch renews the claim, and a claim
expires by itself: a refresher that died blocks nobody, and one that was too slow notices that its claim is gone.
"""

import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import msgspec
from django.db import DatabaseError, transaction
from django.db.models import F, Q, QuerySet

from broker import models
from broker.errors import RefreshUnderWay
from broker.values import Contract

logger = logging.getLogger(__name__)

# Longer than a living refresher can be silent, which is until a download without data times out.
CLAIM_TTL = timedelta(minutes=4)
BATCH_SIZE = 1_000  # rows inserted or deleted per transaction

Clock = Callable[[], datetime]


class Claim:
    """The right to replace one file's contracts. Methods raise RefreshUnderWay once another refresher has taken it."""

    def __init__(self, file: str, token: str, clock: Clock) -> None:
        self.file = file
        self._token = token
        self._clock = clock

    def begin_generation(self) -> int:
        """Return the number of a new generation."""
        self._renew(last_generation=F("last_generation") + 1)
        return int(self._claimed_file().values_list("last_generation", flat=True).get())

    def write(self, generation: int, contracts: Sequence[Contract]) -> None:
        rows = [
            models.Contract(file_id=self.file, generation=generation, **msgspec.structs.asdict(contract))
            for contract in contracts
        ]
        with transaction.atomic():
            self._renew()
            models.Contract.objects.bulk_create(rows)

    def previous_rows(self, source: str) -> int:
        """Return how many contracts the file has from this source."""
        return self._claimed_file().filter(source=source).values_list("rows", flat=True).first() or 0

    def activate(self, generation: int, *, source: str, rows: int, size: int, seconds: float) -> datetime:
        """Make this generation the one that readers see."""
        now = self._clock()
        self._renew(generation=generation, source=source, rows=rows, size=size, seconds=seconds, refreshed_at=now)
        return now

    def delete_dead_rows(self) -> None:
        """Delete the file's rows of all generations but the live one."""
        live = models.ContractFile.objects.values_list("generation", flat=True).get(pk=self.file)
        dead = models.Contract.objects.filter(file=self.file).filter(~Q(generation=live))
        deleted = 1
        while deleted:
            with transaction.atomic():
                self._renew()
                # By their numbers: with a subquery PostgreSQL may compare each row with each, while its statistics are
                # those of a table that was empty.
                numbers = list(dead.order_by().values_list("pk", flat=True)[:BATCH_SIZE])
                deleted, _ = models.Contract.objects.filter(pk__in=numbers).delete()

    def release(self) -> None:
        self._claimed_file().update(claim="", claimed_at=None)

    def _renew(self, **changes: object) -> None:
        if not self._claimed_file().update(claimed_at=self._clock(), **changes):
            raise RefreshUnderWay(self.file)

    def _claimed_file(self) -> QuerySet[models.ContractFile]:
        return models.ContractFile.objects.filter(pk=self.file, claim=self._token)


@contextmanager
def claim_file(file: str, clock: Clock) -> Iterator[Claim]:
    """Claim a file. Raises RefreshUnderWay if another refresher holds it."""
    models.ContractFile.objects.get_or_create(file=file)
    now = clock()
    claim = Claim(file, uuid.uuid4().hex, clock)
    free = Q(claim="") | Q(claimed_at__lt=now - CLAIM_TTL)
    if not models.ContractFile.objects.filter(free, pk=file).update(claim=claim._token, claimed_at=now):
        raise RefreshUnderWay(file)
    try:
        claim.delete_dead_rows()  # left by a refresher that died
        yield claim
    finally:
        try:
            claim.delete_dead_rows()
        except (DatabaseError, RefreshUnderWay) as error:
            # No reader sees the rows, and the next refresh deletes them.
            logger.warning("broker: deleting the unused rows of %s failed, they stay for now: %s", claim.file, error)
        claim.release()
