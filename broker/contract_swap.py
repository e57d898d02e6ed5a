"""Replacing a file's contracts at one stroke, by one refresher at a time.

The refresher claims the file, writes a new generation in short transactions (SQLite's other writers wait for each),
then points the file at it, and at last clears away what is not live. A claim is renewed with every batch and ends by
itself, so a refresher that died is in nobody's way; one that was only slow notices that it has lost the file and
stops.
"""

import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction
from django.db.models import F, Q, QuerySet

from broker import models
from broker.errors import RefreshUnderWay
from broker.values import Contract

logger = logging.getLogger(__name__)

# Longer than the longest silence of a refresher that lives: a download that yields nothing until it is given up.
CLAIM_LIFE = timedelta(minutes=4)
BATCH = 1_000  # rows a transaction, inserted or deleted

Clock = Callable[[], datetime]


class Claim:
    """The right to replace one file's contracts; its methods raise RefreshUnderWay once another holds it."""

    def __init__(self, file: str, mark: str, clock: Clock) -> None:
        self.file = file
        self._mark = mark
        self._clock = clock

    def begin(self) -> int:
        """A new generation's number."""
        self._renew(last_generation=F("last_generation") + 1)
        return int(self._mine().values_list("last_generation", flat=True).get())

    def write(self, generation: int, contracts: Sequence[Contract]) -> None:
        rows = [_row(self.file, generation, contract) for contract in contracts]
        with transaction.atomic():
            self._renew()
            models.Contract.objects.bulk_create(rows)

    def former_rows(self, source: str) -> int:
        """How many contracts of this source the file has."""
        return self._mine().filter(source=source).values_list("rows", flat=True).first() or 0

    def switch(self, generation: int, *, source: str, rows: int, size: int, seconds: float) -> datetime:
        """From here on readers see this generation."""
        now = self._clock()
        self._renew(generation=generation, source=source, rows=rows, size=size, seconds=seconds, refreshed_at=now)
        return now

    def clear_away(self) -> None:
        """Deletes the file's rows of all generations but the live one."""
        live = models.ContractFile.objects.values_list("generation", flat=True).get(pk=self.file)
        dead = models.Contract.objects.filter(file=self.file).filter(~Q(generation=live))
        deleted = 1
        while deleted:
            with transaction.atomic():
                self._renew()
                deleted, _ = models.Contract.objects.filter(pk__in=dead.order_by().values("pk")[:BATCH]).delete()

    def release(self) -> None:
        self._mine().update(claim="", claimed_at=None)

    def _renew(self, **changes: object) -> None:
        if not self._mine().update(claimed_at=self._clock(), **changes):
            raise RefreshUnderWay(self.file)

    def _mine(self) -> QuerySet[models.ContractFile]:
        return models.ContractFile.objects.filter(pk=self.file, claim=self._mark)


@contextmanager
def claimed(file: str, clock: Clock) -> Iterator[Claim]:
    """Raises RefreshUnderWay when another refresher is at this file."""
    models.ContractFile.objects.get_or_create(file=file)
    now = clock()
    claim = Claim(file, uuid.uuid4().hex, clock)
    free = Q(claim="") | Q(claimed_at__lt=now - CLAIM_LIFE)
    if not models.ContractFile.objects.filter(free, pk=file).update(claim=claim._mark, claimed_at=now):
        raise RefreshUnderWay(file)
    try:
        claim.clear_away()  # what a refresher that died has left
        yield claim
    finally:
        _end(claim)


def _end(claim: Claim) -> None:
    try:
        claim.clear_away()
    except (DatabaseError, RefreshUnderWay) as error:
        # The rows are seen by nobody, and the next refresh clears them away.
        logger.warning("broker: rows of %s that are no more in use stay for now: %s", claim.file, error)
    claim.release()


def _row(file: str, generation: int, contract: Contract) -> models.Contract:
    values = {name: getattr(contract, name) for name in Contract.__struct_fields__}
    return models.Contract(file_id=file, generation=generation, **values)
