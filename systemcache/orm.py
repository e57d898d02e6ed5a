"""Watched models: every write to their rows, one by one or in bulk, drops the families that show them, on commit."""

from collections import defaultdict
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.db.models.signals import post_delete, post_save

from systemcache import invalidation
from systemcache.families import Family

M = TypeVar("M", bound=Model)

_watched: dict[type[Model], list[Family[Any]]] = defaultdict(list)


def watch(model: type[Model], *shown_in: Family[Any]) -> None:
    """Called in AppConfig.ready(). The families' parameters must have `choices`, so that all their keys can be named.

    A model's manager must come from `WatchedQuerySet.as_manager()`: bulk writes send no signals. Raw SQL is not seen.
    """
    _watched[model].extend(shown_in)
    uid = f"systemcache.{model._meta.label}"
    post_save.connect(_row_changed, sender=model, dispatch_uid=uid)
    post_delete.connect(_row_changed, sender=model, dispatch_uid=uid)


def rows_changed(model: type[Model], using: str) -> None:
    """Drops what shows this model's rows when the transaction on `using` commits."""
    invalidation.on_commit(using, *_watched[model])


def _row_changed(sender: type[Model], using: str, **kwargs: object) -> None:
    rows_changed(sender, using)


class WatchedQuerySet(QuerySet[M]):
    """A queryset whose bulk writes are seen: update (bulk_update ends there too) and bulk_create.

    delete() needs nothing here: Django sends post_delete for each row of a model that somebody listens to.
    """

    def update(self, **values: Any) -> int:
        rows = super().update(**values)
        if rows:
            rows_changed(self.model, self.db)
        return rows

    def bulk_create(self, *args: Any, **kwargs: Any) -> list[M]:
        made = super().bulk_create(*args, **kwargs)
        rows_changed(self.model, self.db)
        return made

    def _raw_delete(self, using: str | None) -> int:
        rows = super()._raw_delete(using)
        rows_changed(self.model, using or self.db)
        return int(rows)
