"""The database's own record of what a write invalidates: triggers on the watched tables fill the outbox.

They see every writer: other programs, raw SQL, data migrations. They are made after each `migrate`, not by a migration:
they also stand on tables of other apps, they follow the families that this version of the site declares, and SQLite
loses a table's triggers when a migration remakes the table. A trigger's name ends with a hash of its definition, so the
names alone show which are missing and which are of another version.

PostgreSQL fires once a statement, and one transaction leaves one record a table's families. SQLite fires once a row,
and there the record is replaced: since it has one writer at a time, one record a table's families is enough, and its
number (AUTOINCREMENT) shows whether it is still the one that was carried out. A record that is there cannot spare later
rows theirs: nothing that SQLite shows a trigger tells whether this transaction has left it or a former one, whose
process may be about to delete it (KEEP_OLD in docs/model/dispatch.pml).
"""

import hashlib
import json
from collections.abc import Iterator
from typing import NamedTuple

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from systemcache.invalidation.registry import WatchedTable, tables
from systemcache.models import PendingInvalidation

PREFIX = "systemcache_"

# AFTER triggers. SECURITY DEFINER: a program that may write to the table needs no permission on the outbox.
POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION {schema}.{name}() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NOT EXISTS ({updated}) THEN RETURN NULL; END IF;
    ELSIF TG_OP = 'DELETE' THEN
        IF NOT EXISTS (SELECT 1 FROM rows_before{condition}) THEN RETURN NULL; END IF;
    ELSIF TG_OP = 'INSERT' THEN
        IF NOT EXISTS (SELECT 1 FROM rows_after) THEN RETURN NULL; END IF;
    END IF;
    {record};
    RETURN NULL;
END
$function$
"""
POSTGRESQL_EVENTS = {
    "INSERT": "REFERENCING NEW TABLE AS rows_after",
    "UPDATE": "REFERENCING OLD TABLE AS rows_before NEW TABLE AS rows_after",
    "DELETE": "REFERENCING OLD TABLE AS rows_before",
    "TRUNCATE": "",
}


class Trigger(NamedTuple):
    """`statements` make it, in this order."""

    table: str
    name: str
    statements: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        return self.table, self.name


def record_statements(connection: BaseDatabaseWrapper, tags: list[str], schema: str = "") -> list[str]:
    """SQL that records, within a transaction, that the tags are to be invalidated; one record a transaction."""
    outbox = f"{schema}.{PendingInvalidation._meta.db_table}" if schema else PendingInvalidation._meta.db_table
    value = _literal(json.dumps(tags))
    if connection.vendor == "sqlite":
        # Not INSERT OR REPLACE, which is cheaper: the conflict clause of the statement that fires a trigger (INSERT OR
        # IGNORE) takes the place of the trigger's own, and the record would keep its number.
        return [
            f"DELETE FROM {outbox} WHERE tags = {value}",  # noqa: S608 - our own names, quoted
            # CURRENT_TIMESTAMP takes less time than strftime with milliseconds, and this runs once a row.
            f"INSERT INTO {outbox} (tags, created_at) VALUES ({value}, CURRENT_TIMESTAMP)",  # noqa: S608 - likewise
        ]
    return [
        f"INSERT INTO {outbox} (tags, created_at, transaction_id)"  # noqa: S608 - likewise
        f" VALUES ({value}, clock_timestamp(), txid_current()) ON CONFLICT (tags, transaction_id) DO NOTHING"
    ]


def synchronize(connection: BaseDatabaseWrapper) -> bool:
    """Make what is missing, and drop what is disabled or of another version; return whether anything was missing."""
    wanted, found = expected(connection), _installed(connection)
    working = {trigger.key for trigger in wanted if found.get(trigger.key)}
    statements = [statement for key in found.keys() - working for statement in _drop_statements(connection, *key)]
    statements += [statement for trigger in wanted if trigger.key not in working for statement in trigger.statements]
    _run(connection, statements)
    return len(working) < len(wanted)


def drop_all(connection: BaseDatabaseWrapper) -> None:
    """Drop all our triggers: for a migration that remakes tables in SQLite, or goes back to a version without them."""
    found = _installed(connection)
    _run(connection, [statement for key in found for statement in _drop_statements(connection, *key)])


def _run(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    if statements:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The watched tables that have a missing or disabled trigger."""
    found = _installed(connection)
    return sorted({trigger.table for trigger in expected(connection) if not found.get(trigger.key)})


def expected(connection: BaseDatabaseWrapper) -> list[Trigger]:
    """The triggers of all watched tables that are in the database; none without the outbox."""
    there = set(connection.introspection.table_names())
    if PendingInvalidation._meta.db_table not in there:
        return []
    make = _sqlite_triggers if connection.vendor == "sqlite" else _postgresql_triggers
    return [trigger for name, table in tables.items() if name in there for trigger in make(connection, table)]


def _installed(connection: BaseDatabaseWrapper) -> dict[tuple[str, str], bool]:
    """Our triggers that are in the database, by table and name: whether they fire."""
    if connection.vendor == "sqlite":
        query = "SELECT tbl_name, name, 1 FROM sqlite_master WHERE type = 'trigger' AND name LIKE %s"
    else:
        query = (
            "SELECT relname, tgname, tgenabled = 'A' FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " WHERE NOT tgisinternal AND tgname LIKE %s"
            " AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
        )
    with connection.cursor() as cursor:
        cursor.execute(query, [f"{PREFIX}%"])
        return {(table, name): bool(enabled) for table, name, enabled in cursor.fetchall()}


def _drop_statements(connection: BaseDatabaseWrapper, table: str, name: str) -> list[str]:
    if connection.vendor == "sqlite":
        return [f'DROP TRIGGER "{name}"']
    return [f'DROP TRIGGER "{name}" ON "{table}"', f'DROP FUNCTION IF EXISTS "{name}"()']


def _postgresql_triggers(connection: BaseDatabaseWrapper, table: WatchedTable) -> Iterator[Trigger]:
    schema = _current_schema(connection)
    (record,) = record_statements(connection, table.tags, schema)
    condition = f" WHERE {table.shown_while}" if table.shown_while else ""
    updated = f"SELECT 1 FROM rows_before{condition}"  # noqa: S608 - our own names
    if table.ignored:  # as JSON, so that a migration which changes the columns does not make the function fail
        unshown = f"ARRAY[{', '.join(map(_literal, sorted(table.ignored)))}]"
        updated = (
            f"SELECT to_jsonb(rows_before) - {unshown} FROM rows_before{condition}"  # noqa: S608 - likewise
            f" EXCEPT SELECT to_jsonb(rows_after) - {unshown} FROM rows_after"
        )
    for event, rows in POSTGRESQL_EVENTS.items():
        if event == "INSERT" and not table.shows_absence:
            continue
        text = POSTGRESQL_FUNCTION.format(
            schema=schema, name="{name}", updated=updated, condition=condition, record=record
        )
        name = _name(event, table, text + rows)
        yield Trigger(
            table.name,
            name,
            (
                text.replace("{name}", name),
                f'CREATE TRIGGER "{name}" AFTER {event} ON "{table.name}" {rows}'
                f" FOR EACH STATEMENT EXECUTE FUNCTION {schema}.{name}()",
                # Also where session_replication_role is `replica`.
                f'ALTER TABLE "{table.name}" ENABLE ALWAYS TRIGGER "{name}"',
            ),
        )


def _current_schema(connection: BaseDatabaseWrapper) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        return str(cursor.fetchone()[0])


def _sqlite_triggers(connection: BaseDatabaseWrapper, table: WatchedTable) -> Iterator[Trigger]:
    shown = table.shown_while and _of_old_row(table)
    changed = " OR ".join(f'OLD."{column}" IS NOT NEW."{column}"' for column in table.columns) if table.ignored else ""
    events = {"AFTER UPDATE": [shown, changed], "AFTER DELETE": [shown]}
    if table.shows_absence:
        events["AFTER INSERT"] = []
    else:  # REPLACE deletes the row whose place it takes without firing AFTER DELETE
        same = " OR ".join(" AND ".join(f'"{column}" = NEW."{column}"' for column in key) for key in table.keys)
        events["BEFORE INSERT"] = [f'EXISTS (SELECT 1 FROM "{table.name}" WHERE {same})']  # noqa: S608 - our own names
    body = " ".join(f"{statement};" for statement in record_statements(connection, table.tags))
    for event, conditions in events.items():
        given = " AND ".join(f"({condition})" for condition in conditions if condition)
        text = f'{event} ON "{table.name}"{f" WHEN {given}" if given else ""} BEGIN {body} END'
        name = _name(event.split()[1], table, text)
        yield Trigger(table.name, name, (f'CREATE TRIGGER "{name}" {text}',))


def _of_old_row(table: WatchedTable) -> str:
    """The table's condition, of the row that was there."""
    condition = table.shown_while
    for column in table.columns:
        condition = condition.replace(f'"{column}"', f'OLD."{column}"')
    return condition


def _name(event: str, table: WatchedTable, definition: str) -> str:
    digest = hashlib.sha256(f"{table.name} {definition}".encode()).hexdigest()[:12]
    return f"{PREFIX}{event.lower()}_{digest}"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
