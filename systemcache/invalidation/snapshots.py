"""Whether this thread reads the database as it is now, or under an older snapshot: what is read there is not stored.

PostgreSQL keeps a transaction's snapshot at REPEATABLE READ and above. SQLite keeps a connection's as long as a
statement is not read to its end (`iterator()`), and in a transaction that began without the write lock.
"""

import os
import sqlite3
import threading
from pathlib import Path

from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import TransactionManagementError

from systemcache import process_state
from systemcache.models import PendingInvalidation

# Grows with each record: since the writes leave records, it shows which of them a snapshot has.
OUTBOX_POSITION = f"SELECT seq FROM sqlite_sequence WHERE name = '{PendingInvalidation._meta.db_table}'"  # noqa: S608 - our own name


class _Observer:
    """Connections to SQLite files that hold no snapshot, by path."""

    def __init__(self) -> None:
        self._connections: dict[str, sqlite3.Connection] = {}
        self._from_parent: list[sqlite3.Connection] = []
        self.reset()

    def reset(self) -> None:
        self._lock = threading.Lock()
        found, self._connections = self._connections, {}
        if getattr(self, "_pid", None) not in (None, os.getpid()):
            self._from_parent += found.values()  # SQLite forbids a forked child even to close them
            return
        for connection in found.values():
            connection.close()

    def outbox_position(self, path: str) -> int:
        with self._lock:
            self._pid = os.getpid()
            if path not in self._connections:
                address = f"{Path(path).absolute().as_uri()}?mode=rw"
                self._connections[path] = sqlite3.connect(address, uri=True, timeout=1, check_same_thread=False)
            row = self._connections[path].execute(OUTBOX_POSITION).fetchone()
        return int(row[0]) if row else 0


_observer = process_state.register(_Observer())


def is_current() -> bool:
    """Whether what this thread reads from now on has everything that has been committed by now."""
    return all(_is_current(connection) for connection in connections.all(initialized_only=True))


def _is_current(connection: BaseDatabaseWrapper) -> bool:
    if connection.connection is None:
        return True
    try:
        if connection.vendor == "sqlite":
            return _has_all_records(connection)
        if not connection.in_atomic_block and connection.autocommit:
            return True
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_isolation")
            return bool(cursor.fetchone() == ("read committed",))
    except (DatabaseError, TransactionManagementError, sqlite3.Error):
        return False


def _has_all_records(connection: BaseDatabaseWrapper) -> bool:
    path = str(connection.settings_dict["NAME"])
    if "memory" in path and not Path(path).is_file():
        return True  # one connection, or several that share their pages: they have no snapshots
    now = _observer.outbox_position(path)
    with connection.cursor() as cursor:
        cursor.execute(OUTBOX_POSITION)
        row = cursor.fetchone()
    return now == (int(row[0]) if row else 0)
