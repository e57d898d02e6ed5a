"""Publishes committed writes of watchlist and signals on `/stream`, as the rows that the REST API shows."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from django.db import connections
from django.db.models import Model
from django.db.models.signals import post_delete, post_save

from systemcache import commits, events
from systemcache.events import Event, Kind
from watchlist.models import Signal, WatchlistItem
from watchlist.models.bulk_writes import rows_written
from watchlist.schemas import SignalSchema, WatchlistItemSchema

WATCHLIST = Kind(
    "watchlist",
    WatchlistItemSchema,
    "A watched symbol that is new or has changed: a row of /api/watchlist. One that was deleted comes once more, with "
    "is_active false",
)
SIGNAL = Kind(
    "signal",
    SignalSchema,
    "A signal that is new or has changed: a row of /api/signals. One that was deleted comes once more as it was",
)
KINDS: Mapping[type[Model], Kind] = {WatchlistItem: WATCHLIST, Signal: SIGNAL}


def connect() -> None:
    """To be called in AppConfig.ready(): from now on, committed writes are published."""
    events.register(*KINDS.values())
    for model in KINDS:
        uid = f"watchlist.events.{model.__name__}"
        post_save.connect(_row_saved, sender=model, dispatch_uid=uid)
        post_delete.connect(_row_deleted, sender=model, dispatch_uid=uid)
        rows_written.connect(_rows_written, sender=model, dispatch_uid=uid)


class CommittedRows:
    """Runs after a commit: publishes the rows of one model that the transaction has written, as they are by then."""

    def __init__(self, model: type[Model], using: str) -> None:
        self.model, self.using = model, using
        self.keys: set[Any] = set()
        self.deleted: dict[Any, Any] = {}  # rows as they were last

    def __call__(self) -> None:
        events.publish_safely(self.events)

    def events(self) -> Iterator[Event]:
        kind: Any = KINDS[self.model]
        keys, deleted = self.keys, self.deleted
        self.keys, self.deleted = set(), {}
        rows = self.model._default_manager.using(self.using).filter(pk__in=keys)
        for pk, row in ({row.pk: kind.row_type.of(row) for row in rows} | deleted).items():
            yield Event(kind.name, row, str(pk))


def _row_saved(sender: type[Model], instance: Model, using: str, raw: bool = False, **_: object) -> None:
    _note(sender, using, [instance.pk])


def _rows_written(sender: type[Model], keys: Iterable[Any], using: str, **_: object) -> None:
    _note(sender, using, keys)


def _row_deleted(sender: type[Model], instance: Any, using: str, **_: object) -> None:
    kind: Any = KINDS[sender]
    row = kind.row_type.of(instance)
    if isinstance(row, WatchlistItemSchema):
        row = msgspec.structs.replace(row, is_active=False)
    _note(sender, using, [], {instance.pk: row})


def _note(model: type[Model], using: str, keys: Iterable[Any], deleted: Mapping[Any, object] | None = None) -> None:
    """Note rows for the hook that runs when what is being written has committed."""
    hook = _pending(model, using) or CommittedRows(model, using)
    is_new = not (hook.keys or hook.deleted)
    hook.keys.update(keys)
    hook.deleted.update(deleted or {})
    if is_new and (hook.keys or hook.deleted):
        commits.on_commit(hook, using)


def _pending(model: type[Model], using: str) -> CommittedRows | None:
    """The hook that the transaction has already, if it is rolled back with the same savepoints."""
    connection = connections[using]
    savepoints = set(connection.savepoint_ids)
    for entry in connection.run_on_commit:
        hook = entry[1]
        if isinstance(hook, CommittedRows) and hook.model is model and entry[0] == savepoints:
            return hook
    return None
