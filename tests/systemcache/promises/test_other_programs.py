"""Beside writers of the site and of psql or the sqlite3 shell: reads over HTTP show what was answered at once, and what
another program has committed within its bound. The auditor looks on, and accuses nobody.

`PROMISES_READS=50000 PROMISES_BOUND=0.5` holds an idle machine to the promise itself.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from systemcache.audit import findings
from tests.support.redis import use_redis
from tests.systemcache.promises import database
from tests.systemcache.promises.board import Board
from tests.systemcache.promises.harness import Harness
from tests.systemcache.promises.processes import ROOT
from testservers.redis_server import RedisServer

READS = int(os.environ.get("PROMISES_READS", "5000"))
WRITES = READS // 100
BOUND = float(os.environ.get("PROMISES_BOUND", "5"))  # seconds: a machine that others load keeps recovery waiting
AUDITED = 3  # one in so many hits
Watch = Callable[[str, str], None]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture
def watch(tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]) -> Watch:
    """Run the harness on this database, with the auditor in every process, and look at what all have seen."""

    def run(name: str, address: str) -> None:
        with RedisServer(tmp_path / "redis") as redis:
            seed = int.from_bytes(os.urandom(4))
            harness = Harness(
                Board(tmp_path / "board"),
                seed,
                BOUND,
                DATABASE_URL=address,
                REDIS_URL=redis.url,
                CACHE_AUDIT_EVERY=str(AUDITED),
            )
            outcome = harness.run(reads=READS, writes=WRITES, seconds=1500)
            use_redis(settings, redis.url)
            report = findings.report()
            with capsys.disabled():
                print(f"\n{name}, bound {BOUND:g} s, seed {seed}: {outcome}. The auditor: {report.evidence}")
            assert outcome.errors == []
            assert outcome.stale == 0, (seed, outcome.examples)
            assert outcome.over_http >= READS
            assert outcome.writes >= WRITES
            assert report.violations == 0, report.latest
            assert report.checks > READS // (20 * AUDITED)

    return run


def test_other_programs_writes_on_postgresql(watch: Watch) -> None:
    with database.migrated() as address:
        watch("PostgreSQL", address)


def test_other_programs_writes_on_sqlite(watch: Watch, tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/site.sqlite3"
    environment = {**os.environ, "DATABASE_URL": address}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v", "0"], cwd=ROOT, env=environment, check=True, timeout=240
    )
    watch("SQLite", address)
