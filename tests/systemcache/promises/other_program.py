"""A program that the site does not know: it writes by SQL, in the database's shell or by its driver.

It changes its lane's rows by statements of every kind, each as one transaction.
"""

import random
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from urllib.parse import urlsplit

import psycopg

from tests.systemcache.promises.world import NEVER, Lane, home

ITEMS, SETTINGS, SIGNALS = "watchlist_watchlistitem", "watchlist_tradingsetting", "watchlist_signal"
COLUMNS = "symbol, exchange, category, is_active, notes, created_at, updated_at"
PATIENCE = 60  # seconds


class Database:
    """Carries out statements as one script; by chance in the shell, where there is one."""

    def __init__(self, address: str, chance: random.Random) -> None:
        self.address, self.chance = address, chance
        self.is_postgresql = urlsplit(address).scheme.startswith("postgres")
        self.file = address.removeprefix("sqlite:///")
        self.shell = shutil.which("psql" if self.is_postgresql else "sqlite3")

    def run(self, *statements: str) -> None:
        script = "".join(f"{statement};\n" for statement in statements)
        if self.shell and self.chance.random() < 0.5:
            self._run_in_shell(script)
        elif self.is_postgresql:
            with psycopg.connect(self.address, autocommit=True) as connection:
                connection.execute(script.encode())
        else:
            with closing(sqlite3.connect(self.file, timeout=PATIENCE, isolation_level=None)) as connection:
                connection.executescript(script)

    def _run_in_shell(self, script: str) -> None:
        if self.is_postgresql:
            command = [str(self.shell), "-X", "-q", "-v", "ON_ERROR_STOP=1", self.address]
        else:
            command = [str(self.shell), "-bail", "-cmd", f".timeout {1000 * PATIENCE}", self.file]
        subprocess.run(command, input=script, text=True, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)

    @property
    def now(self) -> str:
        return "now()" if self.is_postgresql else "strftime('%Y-%m-%d %H:%M:%f', 'now')"


Way = Callable[[Database, Lane], None]


def set_notes(number: int, *symbols: str) -> str:
    names = "', '".join(symbols)
    return f"UPDATE {ITEMS} SET notes = '{number}' WHERE symbol IN ('{names}')"


def insert(database: Database, symbol: str, category: str, number: int) -> str:
    values = f"'{symbol}', 'NSEEQ', '{category}', true, '{number}', {database.now}, {database.now}"
    return f"INSERT INTO {ITEMS} ({COLUMNS}) VALUES ({values})"


def update(database: Database, lane: Lane) -> None:
    lane.write(["row0"], lambda number: database.run(set_notes(number, lane.symbol("row0"))))


def update_from_a_query(database: Database, lane: Lane) -> None:
    def work(number: int) -> None:
        database.run(
            f"WITH mine AS (SELECT id FROM {ITEMS} WHERE symbol = '{lane.symbol('row0')}')"
            f" UPDATE {ITEMS} SET notes = '{number}' WHERE id IN (SELECT id FROM mine)"
        )

    lane.write(["row0"], work)


def roll_back_to_a_savepoint(database: Database, lane: Lane) -> None:
    def work(number: int) -> None:
        row = lane.symbol("row0")
        undone = set_notes(NEVER, row)
        database.run("BEGIN", "SAVEPOINT a", undone, "ROLLBACK TO a", set_notes(number, row), "COMMIT")

    lane.write(["row0"], work)


def roll_back(database: Database, lane: Lane) -> None:
    database.run("BEGIN", set_notes(NEVER, lane.symbol("row0")), "ROLLBACK")


def several_rows(database: Database, lane: Lane) -> None:
    lane.write(
        ["row1", "row3"], lambda number: database.run(set_notes(number, lane.symbol("row1"), lane.symbol("row3")))
    )


def replace(database: Database, lane: Lane) -> None:
    def work(number: int) -> None:
        row = lane.symbol("row2")
        deleted = f"DELETE FROM {ITEMS} WHERE symbol = '{row}'"
        database.run("BEGIN", deleted, insert(database, row, "hold", number), "COMMIT")

    lane.write(["row2"], work)


def insert_or_update(database: Database, lane: Lane) -> None:
    """SQLite's REPLACE deletes the row without a DELETE."""

    def work(number: int) -> None:
        row = insert(database, lane.symbol("row2"), "hold", number)
        if database.is_postgresql:
            database.run(f"{row} ON CONFLICT (exchange, symbol, category) DO UPDATE SET notes = excluded.notes")
        else:
            database.run(row.replace("INSERT", "REPLACE", 1))

    lane.write(["row2"], work)


def move(database: Database, lane: Lane) -> None:
    def work(number: int) -> None:
        assigned = f"category = '{home(number)}', notes = '{number}'"
        database.run(f"UPDATE {ITEMS} SET {assigned} WHERE symbol = '{lane.symbol('mover')}'")

    lane.write(["mover"], work)


def setting(database: Database, lane: Lane) -> None:
    lane.write(
        ["setting"],
        lambda number: database.run(f"UPDATE {SETTINGS} SET value = '{number}' WHERE \"key\" = '{lane.setting}'"),
    )


def signal(database: Database, lane: Lane) -> None:
    lane.write(
        ["signal"],
        lambda number: database.run(
            f"UPDATE {SIGNALS} SET quantity = {number + 1} WHERE symbol = '{lane.symbol('signal')}'"
        ),
    )


def create(database: Database, lane: Lane) -> None:
    lane.write(["last"], lambda number: database.run(insert(database, lane.window(number), "short_term", number)))


def delete(database: Database, lane: Lane) -> None:
    if lane.acknowledged("last") <= lane.acknowledged("first"):
        create(database, lane)
    lane.write(
        ["first"],
        lambda number: database.run(f"DELETE FROM {ITEMS} WHERE symbol = '{lane.window(number - 1)}'"),
    )


# Each waits after its write until it must show, so those that touch different slots take turns in threads of their own.
WAYS: tuple[tuple[Way, ...], ...] = (
    (update, update_from_a_query, roll_back_to_a_savepoint, roll_back),
    (several_rows,),
    (replace, insert_or_update),
    (move,),
    (setting,),
    (signal,),
    (create, delete),
)
