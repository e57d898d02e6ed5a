"""Databases of the tests' own on the run's PostgreSQL server: for what several processes write and read for real."""

import atexit
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.support.programs import leave_out
from tests.systemcache.promises.processes import ROOT


@contextmanager
def migrated() -> Iterator[str]:
    """The address of a database with the site's tables in it, dropped afterwards."""
    parts = urlsplit(os.environ.get("DATABASE_URL") or "")
    if not parts.scheme.startswith("postgres"):
        leave_out("PostgreSQL is not here")
    name = f"promises_{os.getpid()}_{secrets.token_hex(4)}"
    server, address = (urlunsplit(parts._replace(path=f"/{path}")) for path in ("postgres", name))
    _run(server, f'CREATE DATABASE "{name}" TEMPLATE "{_template(server)}"')
    try:
        yield address
    finally:
        _run(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@cache
def _template(server: str) -> str:
    """Migrate one database for all tests of this process; each test copies it, which takes a tenth of the time."""
    name = f"promises_{os.getpid()}_template"
    _run(server, f'CREATE DATABASE "{name}"')
    atexit.register(_drop_template, server, name)
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v", "0"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": urlunsplit(urlsplit(server)._replace(path=f"/{name}"))},
        check=True,
        timeout=120,
    )
    return name


def _drop_template(server: str, name: str) -> None:
    with suppress(psycopg.OperationalError):  # the run's own server may have stopped before, and its data are gone
        _run(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _run(server: str, statement: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement.encode())
