"""Watched models: every write to their rows, one by one or in bulk, drops the families that show them, on commit."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Model, QuerySet
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save

from systemcache import outbox
from systemcache.families import Family
from systemcache.models import WatchedModel

M = TypeVar("M", bound=Model)
NOT_SHOWN = frozenset({"last_login"})  # a login alone changes nothing that anybody is shown

_watched: dict[type[Model], list[Family[Any]]] = defaultdict(list)


def watch(model: type[WatchedModel], *shown_in: Family[Any]) -> None:
    """Called in AppConfig.ready(). The families become strict about this model's rows; they must be declared `strict`.

    Bulk writes send no signals: the model's manager gives watched querysets, or is made to. Raw SQL is not seen.
    """
    loose = [family.name for family in shown_in if not family.strict]
    if loose:
        raise ValueError(f"families that show a table must be strict: {', '.join(loose)}")
    watch_rows(model, *shown_in)
    _watch_bulk(model)


def watch_foreign(model: type[Model], *shown_in: Family[Any], links: Iterable[type[Model]] = ()) -> None:
    """The same for another app's model and its many-to-many tables.

    A single row that is saved outside a transaction drops right after it is written: to commit both together is up to
    that model.
    """
    watch_rows(model, *shown_in)
    for link in links:
        _watched[link].extend(shown_in)
        m2m_changed.connect(_row_changed, sender=link, dispatch_uid=f"systemcache.{link._meta.label}")
        _watch_bulk(link)
    _watch_bulk(model)


def watch_rows(model: type[Model], *shown_in: Family[Any]) -> None:
    """Rows that are saved and deleted, one by one or with `delete()`; not what else is done in bulk."""
    _watched[model].extend(shown_in)
    uid = f"systemcache.{model._meta.label}"
    # Before the write too: nothing that runs between it and its record may take it for what others may see.
    for signal in (pre_save, post_save, pre_delete, post_delete):
        signal.connect(_row_changed, sender=model, dispatch_uid=uid)


def _watch_bulk(model: type[Model]) -> None:
    manager: Any = model._default_manager
    if not issubclass(manager._queryset_class, WatchedQuerySet):
        name = f"Watched{model.__name__}QuerySet"
        manager._queryset_class = type(name, (WatchedQuerySet, manager._queryset_class), {})


def _row_changed(sender: type[Model], using: str, **kwargs: object) -> None:
    if kwargs.get("update_fields") == NOT_SHOWN:
        return
    outbox.record(using, *_watched[sender])


class WatchedQuerySet(QuerySet[M]):
    """A queryset whose bulk writes are seen: update (bulk_update ends there too), bulk_create, delete."""

    def update(self, **values: Any) -> int:
        with transaction.atomic(using=self.db):
            rows = super().update(**values)
            if rows:
                outbox.record(self.db, *_watched[self.model])
        return rows

    def bulk_create(self, *args: Any, **kwargs: Any) -> list[M]:
        with transaction.atomic(using=self.db):
            made = super().bulk_create(*args, **kwargs)
            outbox.record(self.db, *_watched[self.model])
        return made

    def delete(self) -> tuple[int, dict[str, int]]:
        # Django sends post_delete for each row of a model that somebody listens to.
        with transaction.atomic(using=self.db):
            return super().delete()

    def _raw_delete(self, using: str | None) -> int:
        alias = using or self.db
        with transaction.atomic(using=alias):
            rows = super()._raw_delete(using)
            outbox.record(alias, *_watched[self.model])
        return int(rows)
