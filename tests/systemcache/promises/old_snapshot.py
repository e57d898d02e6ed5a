"""Reads under a snapshot from before a write, and after it, on the database of DATABASE_URL; prints what they see."""

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import psycopg

from tests.systemcache.promises.setup import prepare

prepare()

from django.core.management import call_command  # noqa: E402 - needs Django
from django.db import connection, connections, transaction  # noqa: E402

from systemcache.invalidation import recovery  # noqa: E402
from watchlist import selectors  # noqa: E402
from watchlist.models import TradingSetting, WatchlistItem  # noqa: E402


def notes() -> list[str]:
    found = selectors.watchlist(active="all", category="all")
    return [*(row.notes for row in found.value), found.state]


def write(text: str) -> None:
    """Another program writes, and this process's recovery hears of it."""
    statement = f"UPDATE watchlist_watchlistitem SET notes = '{text}'"
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(connection.settings_dict["NAME"])) as shell, shell:
            shell.execute(statement)
    else:
        with psycopg.connect(os.environ["DATABASE_URL"]) as other:
            other.execute(statement.encode())


@contextmanager
def old_snapshot() -> Iterator[None]:
    if connection.vendor == "sqlite":
        rows = TradingSetting.objects.iterator(chunk_size=1)
        next(rows)
        yield
        rows.close()  # type: ignore[attr-defined]  # a generator
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            TradingSetting.objects.count()
            yield


def in_another_thread(work: Callable[[], object]) -> None:
    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


call_command("migrate", verbosity=0)
WatchlistItem.objects.create(symbol="TCS", category="hold", notes="0")
seen = [notes()]
with old_snapshot():
    write("1")
    in_another_thread(recovery.run_once)
    seen += [notes(), notes()]
seen += [notes(), notes()]
print(json.dumps(seen))
