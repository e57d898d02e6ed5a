"""Watches the statements of this process's connections, so that a write invalidates before it is answered.

The statement shows every write alike, whichever manager, queryset, proxy or raw SQL it comes from. Writes that it does
not show (by a function, COPY, or past Django's cursor) are found by their record, like another program's writes.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from systemcache.invalidation import outbox
from systemcache.invalidation.registry import WatchedTable, tables

NAME = r"(?:[\w\"]+\.)?\"?(\w+)\"?"  # of a table, maybe with its schema
# The table that a statement writes to, where its first words name it.
TARGET = re.compile(
    rf"\s*(?:INSERT(?:\s+OR\s+\w+)?\s+INTO|REPLACE\s+INTO|UPDATE(?:\s+OR\s+\w+)?|DELETE\s+FROM)\s+(?:ONLY\s+)?{NAME}",
    re.IGNORECASE,
)
OTHER_WRITE = re.compile(r"\s*(?:WITH|MERGE|TRUNCATE)\b", re.IGNORECASE)  # may name several tables
WORD = re.compile(r"\w+")
ASSIGNED = re.compile(r'\s*UPDATE\s+"?\w+"?\s+SET\s+((?:"\w+" = %s(?:, )?)+)(?: WHERE |$)')  # as the ORM writes it
COLUMN = re.compile(r'"(\w+)"')
RETURNING = re.compile(r"\bRETURNING\b", re.IGNORECASE)


def watch(connection: BaseDatabaseWrapper, **_: object) -> None:
    """Watch a connection's statements; a receiver of `connection_created`, which is also sent on reconnecting."""
    if watch_statement not in connection.execute_wrappers:
        connection.execute_wrappers.insert(
            0, watch_statement
        )  # first, because leaving an `execute_wrapper` pops the last


def watch_statement(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Execute a statement and report it if it is a write; for a connection's `execute_wrappers`."""
    result = execute(sql, params, many, context)
    for table in written_by(sql):
        connection = context["connection"]
        if connection.vendor == "sqlite" and not connection.in_atomic_block and RETURNING.search(sql):
            _after_close(context["cursor"], partial(outbox.written, connection.alias, *table.families))
        else:
            outbox.written(connection.alias, *table.families)
    return result


def _after_close(cursor: Any, work: Callable[[], None]) -> None:
    """SQLite commits a statement outside a transaction when the rows that it returns are done with."""
    close = cursor.close

    def close_and_work() -> None:
        close()
        work()

    cursor.close = close_and_work


def written_by(sql: str) -> Iterator[WatchedTable]:
    """The watched tables that a statement writes to, as far as anything shows what it changes."""
    if target := TARGET.match(sql):
        table = tables.get(target[1])
        if table and not _changes_nothing_shown(table, sql):
            yield table
    elif OTHER_WRITE.match(sql):
        yield from (table for name, table in tables.items() if name in set(WORD.findall(sql)))


def _changes_nothing_shown(table: WatchedTable, sql: str) -> bool:
    if sql.startswith("INSERT INTO"):
        return not table.shows_absence and "ON CONFLICT" not in sql
    assigned = ASSIGNED.match(sql) if table.ignored else None
    return assigned is not None and table.ignored.issuperset(COLUMN.findall(assigned[1]))
