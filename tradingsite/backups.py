"""Backups of the database: one file each, for its owner alone. Redis holds nothing that cannot be loaded again."""

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connections

from systemcache import families
from systemcache.invalidation import outbox
from tradingsite.private_files import FILE, private_folder

PREFIX = "tradingsite-"
POSTGRES, SQLITE = ".dump", ".sqlite3"
LOCK_TIMEOUT = "10s"  # that a restore waits for a process that still uses the tables


class BackupError(Exception):
    """The text says what to do."""


def dump(folder: Path, now: datetime) -> Path:
    """Write the database to a new file in the folder, complete or not at all. Raises BackupError, OSError."""
    private_folder(folder)
    file = folder / f"{PREFIX}{now:%Y%m%dT%H%M%SZ}{_suffix()}"
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE))
    try:
        if _suffix() == SQLITE:
            _copy_sqlite(Path(settings.DATABASES[DEFAULT_DB_ALIAS]["NAME"]), draft)
        else:
            _run_postgres("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={draft}")
        draft.rename(file)
    finally:
        draft.unlink(missing_ok=True)
    return file


def remove_older(folder: Path, days: int, now: datetime) -> list[Path]:
    """Remove the backups that are older than so many days, but never the newest one."""
    limit = (now - timedelta(days=days)).timestamp()
    files = sorted(file for file in folder.glob(f"{PREFIX}*") if file.suffix in (POSTGRES, SQLITE))
    old = [file for file in files[:-1] if file.stat().st_mtime < limit]
    for file in old:
        file.unlink()
    return old


def restore(file: Path) -> None:
    """Put a backup in place of all that is in the database, and apply this version's migrations.

    Whatever the cache holds of the former content is invalidated; if Redis is away, as soon as it is back. Raises
    BackupError.
    """
    if not file.is_file():
        raise BackupError(f"{file} is no file.")
    if file.suffix != _suffix():
        raise BackupError(f"{file.name} is of another kind of database than DATABASE_URL names ({_suffix()} files).")
    connections.close_all()
    if _suffix() == SQLITE:
        _copy_sqlite(file, Path(settings.DATABASES[DEFAULT_DB_ALIAS]["NAME"]))
    else:
        options = ("--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction")
        _run_postgres("pg_restore", *options, f"--dbname={settings.DATABASES[DEFAULT_DB_ALIAS]['NAME']}", str(file))
    call_command("migrate", verbosity=0)
    outbox.record(DEFAULT_DB_ALIAS, *families.registered())


def _suffix() -> str:
    return SQLITE if settings.DATABASES[DEFAULT_DB_ALIAS]["ENGINE"].endswith("sqlite3") else POSTGRES


def _copy_sqlite(source: Path, target: Path) -> None:
    """By SQLite itself, so that the copy is of one moment while others write."""
    try:
        with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as reading:
            (verdict,) = reading.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise BackupError(f"{source} is damaged: {verdict}.")
            with closing(sqlite3.connect(target, timeout=10)) as writing:
                reading.backup(writing)
    except sqlite3.Error as error:
        raise BackupError(f"{source} cannot be copied to {target}: {error}.") from error


def _run_postgres(program: str, *arguments: str) -> None:
    """Run a program with the password in its environment, because other users of the machine can read a command
    line."""
    database = settings.DATABASES[DEFAULT_DB_ALIAS]
    try:
        done = subprocess.run(  # a fixed program, arguments of our own # nosec B603
            [program, *arguments],
            env={**os.environ, **dict(_postgres_environment(database))},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise BackupError(f"{program} is not installed: Debian has it in postgresql-client.") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        raise BackupError(f"{program} has failed: {lines[0]}")


def _postgres_environment(database: dict[str, object]) -> Iterator[tuple[str, str]]:
    names = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD", "PGDATABASE": "NAME"}
    for variable, name in names.items():
        if value := database.get(name):
            yield variable, str(value)
    options = database.get("OPTIONS")
    if isinstance(options, dict):
        for name in ("sslmode", "sslrootcert", "sslcert", "sslkey"):
            if name in options:
                yield f"PG{name.upper()}", str(options[name])
    yield "PGOPTIONS", f"-c lock_timeout={LOCK_TIMEOUT}"
