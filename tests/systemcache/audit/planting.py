"""Faults that an auditor is there for: writes that leave no record of what they invalidate."""

from django.db import connection

from systemcache.audit.check import REDIS, Answer
from systemcache.fetching.read import entry_ref
from systemcache.models import PendingInvalidation
from watchlist.cache_families import SETTINGS

OUTBOX = PendingInvalidation._meta.db_table
SHOWN = Answer(SETTINGS, entry_ref(SETTINGS, {}), REDIS)


def write_past_the_site(statement: str) -> None:
    """As another program does: this process does not see the statement, its trigger leaves a record."""
    connection.ensure_connection()
    cursor = connection.connection.cursor()
    cursor.execute(statement)
    cursor.close()


def write_without_a_record(statement: str) -> None:
    write_past_the_site(statement)
    write_past_the_site(f"DELETE FROM {OUTBOX}")


def setting_becomes(value: int) -> str:
    return f"UPDATE watchlist_tradingsetting SET value = '{value}' WHERE \"key\" = 'audited'"
