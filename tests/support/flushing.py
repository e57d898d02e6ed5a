"""Empties the tables that a test has written; Django empties all of them, which takes a fifth of a second."""

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from systemcache.models import PendingInvalidation

Rows = list[tuple[Any, ...]]
# What the migrations have put into a database, by alias and table.
_initial: dict[str, dict[str, Rows]] = {}


def remember_initial_rows(using: str) -> None:
    """Call this when the database has been made, before a test writes anything that stays."""
    connection = connections[using]
    with connection.cursor() as cursor:
        _empty_outbox(cursor)  # the migrations have written to it
    _initial[using] = {table: _rows(connection, table) for table in _tables_with_rows(connection)}


def flush(command: str, *, database: str, **options: object) -> None:
    """Let each table hold what it held at first. Takes the place of the command that TransactionTestCase calls."""
    if command != "flush":
        raise NotImplementedError(f"A test of this project needs no {command}.")
    connection = connections[database]
    # Foreign keys are looked at when the transaction ends.
    with transaction.atomic(database), connection.cursor() as cursor:
        for table in _tables_with_rows(connection):
            if table not in _initial[database]:
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
        for table, rows in _initial[database].items():
            if _rows(connection, table) != rows:
                name, places = connection.ops.quote_name(table), ", ".join(["%s"] * len(rows[0]))
                cursor.execute(f"DELETE FROM {name}")
                cursor.executemany(f"INSERT INTO {name} VALUES ({places})", rows)
        _empty_outbox(cursor)  # a flush is a write that Redis is not there to hear of


def _empty_outbox(cursor: CursorWrapper) -> None:
    cursor.execute(f"DELETE FROM {connections[DEFAULT_DB_ALIAS].ops.quote_name(PendingInvalidation._meta.db_table)}")


def _tables_with_rows(connection: BaseDatabaseWrapper) -> list[str]:
    quoted = {table: connection.ops.quote_name(table) for table in _tables(connection)}
    question = " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {name})" for table, name in quoted.items()
    )
    with connection.cursor() as cursor:
        cursor.execute(question)
        return [table for (table,) in cursor.fetchall()]


def _tables(connection: BaseDatabaseWrapper) -> list[str]:
    return connection.introspection.django_table_names(only_existing=False, include_views=False)


def _rows(connection: BaseDatabaseWrapper, table: str) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)} ORDER BY 1")
        return [tuple(row) for row in cursor.fetchall()]
