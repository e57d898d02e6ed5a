"""Which models' writes invalidate which families, and Django's signals for it.

A database trigger records every write (triggers.py). A write of this process invalidates before it is answered:
`post_save` and the other signals report rows that are written one by one in a transaction, and the statements on its
connections all others (statements.py).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import apps
from django.apps.registry import Apps
from django.db import connections
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save

from systemcache.families import Family
from systemcache.invalidation import outbox, triggers
from systemcache.invalidation.registry import WatchedTable, tables


def invalidate_on_write(
    model: type[Model],
    *shown_in: Family[Any],
    ignored: Iterable[str] = (),
    shows_absence: bool = True,
    shown_while: str = "",
) -> None:
    """Make every write to the model's table invalidate the families; to be called in AppConfig.ready().

    Several apps may call it for one model. The families must be declared `strict`. The other arguments are those of
    WatchedTable.
    """
    not_strict = [family.name for family in shown_in if not family.strict]
    if not_strict:
        raise ValueError(f"families that show a table must be strict: {', '.join(not_strict)}")
    table = WatchedTable(model, shown_in, frozenset(ignored), shows_absence, shown_while)
    known = tables.get(table.name)
    tables[table.name] = known.joined(table) if known else table
    uid = f"systemcache.{model._meta.label}"
    for signal in (post_save, post_delete, m2m_changed):
        signal.connect(_row_written, sender=model, dispatch_uid=uid)


def _row_written(sender: type[Model], using: str, **kwargs: Any) -> None:
    """Record a row's write within a transaction; outside of one its statement has been committed and recorded by
    now."""
    table = tables[sender._meta.db_table]
    hidden = kwargs.get("created") and not table.shows_absence
    if connections[using].in_atomic_block and not hidden and not _is_ignored(table, kwargs.get("update_fields")):
        outbox.written(using, *table.families)


def _is_ignored(table: WatchedTable, update_fields: Iterable[str] | None) -> bool:
    return bool(update_fields) and table.ignored.issuperset(update_fields or ())


def before_migrate(using: str, plan: Sequence[object], **_: object) -> None:
    """SQLite renames no table while a trigger names a table that is not there, as when the outbox is being remade."""
    if plan and connections[using].vendor == "sqlite":
        triggers.drop_all(connections[using])


def after_migrate(using: str, apps: Apps = apps, plan: Sequence[object] | None = None, **_: object) -> None:
    """After `migrate` and `flush`: make the triggers, and invalidate what was written while they were missing.

    `flush`, which has no plan, may empty the outbox after the tables that it empties. A `migrate` with nothing to do
    invalidates nothing: at each start of `make run` Redis is a new one that this process has not agreed on yet.
    """
    connection = connections[using]
    if not _has_outbox(apps):  # migrated back to a version without triggers
        triggers.drop_all(connection)
    elif triggers.synchronize(connection) or (plan is None and connection.vendor == "sqlite"):
        outbox.record(using, *{family.name: family for table in tables.values() for family in table.families}.values())


def _has_outbox(apps: Apps) -> bool:
    try:
        outbox_model = apps.get_model("systemcache", "PendingInvalidation")
    except LookupError:
        return False
    return any(field.name == "transaction_id" for field in outbox_model._meta.fields)
