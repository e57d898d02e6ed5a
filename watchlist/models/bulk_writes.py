"""A signal for rows that a queryset writes in bulk, of which Django sends none."""

from collections.abc import Iterable
from typing import Any, TypeVar

from django.db import models
from django.dispatch import Signal as DjangoSignal
from django.utils import timezone

M = TypeVar("M", bound=models.Model)

rows_written = DjangoSignal()  # sender: the model; keys: the rows' primary keys; using: the database


class NotifyingQuerySet(models.QuerySet[M]):
    """A queryset that sends `rows_written`; its model has `created_at`."""

    def update(self, **values: Any) -> int:
        keys = list(self.order_by().values_list("pk", flat=True))
        changed = super().update(**values)
        if changed:
            rows_written.send(self.model, keys=keys, using=self.db)
        return changed

    def bulk_create(self, objs: Iterable[M], *args: Any, **options: Any) -> list[M]:
        started = timezone.now()
        made = super().bulk_create(objs, *args, **options)
        keys = [row.pk for row in made]
        if None in keys:  # the database does not say which ones were left out
            keys = list(
                self.model._default_manager.using(self.db).filter(created_at__gte=started).values_list("pk", flat=True)
            )
        rows_written.send(self.model, keys=keys, using=self.db)
        return made
