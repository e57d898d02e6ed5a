"""No writer escapes: a trigger records every write, and one of this process invalidates before it is answered."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core import checks as django_checks
from django.core.management import call_command
from django.db import connection

from systemcache.auth.cache_families import SESSION, USER
from systemcache.invalidation import triggers
from systemcache.invalidation.registry import WatchedTable
from tests.systemcache.promises.database import migrated
from tests.systemcache.promises.processes import PATIENCE, start
from testservers.redis_server import RedisServer

WATCHED_TABLES = 17


def tried(address: str) -> dict[str, Any]:
    process = start("ways_to_write", DATABASE_URL=address)
    told, _ = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(told)
    return found


@pytest.mark.slow
def test_every_way_to_write_is_seen_on_postgresql() -> None:
    with migrated() as address:
        outcome = tried(address)
    assert outcome["found"] == outcome["expected"]


def test_every_way_to_write_is_seen_on_sqlite(tmp_path: Path) -> None:
    outcome = tried(f"sqlite:///{tmp_path}/site.sqlite3")
    assert outcome["found"] == outcome["expected"]


def seen_around_an_old_snapshot(address: str, redis: RedisServer) -> Any:
    process = start("old_snapshot", DATABASE_URL=address, REDIS_URL=redis.url)
    told, _ = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 0
    return json.loads(told)


BEFORE, WITHIN, AFTER = [["0", "miss"]], [["0", "miss"], ["0", "miss"]], [["1", "miss"], ["1", "hit"]]


def test_what_is_read_in_a_repeatable_read_transaction_is_not_stored(redis_store: RedisServer) -> None:
    with migrated() as address:
        assert seen_around_an_old_snapshot(address, redis_store) == BEFORE + WITHIN + AFTER


def test_what_is_read_beside_an_open_iterator_of_sqlite_is_not_stored(redis_store: RedisServer, tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/site.sqlite3"
    assert seen_around_an_old_snapshot(address, redis_store) == BEFORE + WITHIN + AFTER


@pytest.mark.django_db(transaction=True)
def test_a_missing_trigger_is_named_by_a_check_and_made_by_migrate() -> None:
    def warnings() -> list[tuple[str | None, str]]:
        found = django_checks.run_checks(tags=[django_checks.Tags.database], databases=["default"])
        return [(message.id, message.msg.split("'")[1]) for message in found if message.id == "systemcache.W001"]

    assert warnings() == []
    trigger = next(one for one in triggers.expected(connection) if one.table == "auth_user")
    with connection.cursor() as cursor:
        on = "" if connection.vendor == "sqlite" else ' ON "auth_user"'
        cursor.execute(f'DROP TRIGGER "{trigger.name}"{on}')
    assert warnings() == [("systemcache.W001", "auth_user")]
    call_command("migrate", verbosity=0)
    assert warnings() == []


@pytest.mark.django_db(transaction=True)
def test_a_disabled_trigger_is_missing() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite cannot disable a trigger")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE auth_group DISABLE TRIGGER ALL")
        try:
            assert triggers.missing(connection) == ["auth_group"]
        finally:
            for trigger in triggers.expected(connection):
                cursor.execute(f'ALTER TABLE "{trigger.table}" ENABLE ALWAYS TRIGGER "{trigger.name}"')


@pytest.mark.django_db
def test_all_tables_that_values_show_are_watched() -> None:
    assert len({trigger.table for trigger in triggers.expected(connection)}) == WATCHED_TABLES


def test_of_two_registrations_of_a_table_whatever_may_change_one_of_the_families_counts() -> None:
    narrow = WatchedTable(Session, (SESSION,), frozenset({"a", "b"}), shows_absence=False, shown_while="x")
    wide = WatchedTable(Session, (USER,), frozenset({"b", "c"}))
    assert narrow.joined(wide) == WatchedTable(Session, (SESSION, USER), frozenset({"b"}))
    assert narrow.joined(narrow) == narrow
