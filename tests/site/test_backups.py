"""Backup and restore, on SQLite and PostgreSQL: complete, private, and nothing of the former content is shown after."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import manage
from tests.support.programs import leave_out, program
from testservers.postgres import own_database

COUNT = "from watchlist.models import WatchlistItem as W; print(W.objects.count())"
DELETE = "from watchlist.models import WatchlistItem as W; W.objects.all().delete()"
PENDING = (
    "from systemcache.models import PendingInvalidation as P; print(len({t for r in P.objects.all() for t in r.tags}))"
)


class Site:
    """A site with ten watched symbols, whose Redis is away."""

    def __init__(self, database: str) -> None:
        self._environment = {"DATABASE_URL": database, "REDIS_URL": "redis://127.0.0.1:1/0"}
        self.manage("migrate", "--verbosity", "0")
        self.manage("samplewatchlist")

    def manage(self, *arguments: str, fails: bool = False) -> str:
        done = manage(*arguments, environment=self._environment)
        assert (done.returncode != 0) == fails, done.stderr
        return done.stderr if fails else done.stdout

    def run(self, code: str) -> str:
        return self.manage("shell", "--no-imports", "-c", code).strip()


@pytest.fixture(params=["sqlite", "postgres"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    if request.param == "sqlite":
        yield Site(f"sqlite:///{tmp_path}/site.sqlite3")
        return
    program("pg_dump")
    server, slash, _ = os.environ.get("DATABASE_URL", "").rpartition("/")
    if not slash or server.startswith("sqlite"):
        leave_out("there is no PostgreSQL")
    with own_database(server, "backups") as address:
        yield Site(address)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "backups"
    shutil.rmtree(tmp_path / "backups", ignore_errors=True)


@pytest.mark.slow
def test_what_was_lost_is_back_and_the_cache_is_told(site: Site, folder: Path) -> None:
    file = Path(site.manage("backup", str(folder)).rpartition(" (")[0])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == [file.name]  # no draft is left
    site.run(DELETE)
    assert site.run(COUNT) == "0"
    assert "--yes" in site.manage("restore", str(file), fails=True)
    assert site.run(COUNT) == "0"
    site.manage("restore", str(file), "--yes")
    assert site.run(COUNT) == "10"
    assert int(site.run(PENDING)) > 10  # every family, until Redis is back


@pytest.mark.slow
def test_files_that_cannot_be_restored_are_refused_and_nothing_changes(tmp_path: Path) -> None:
    site = Site(f"sqlite:///{tmp_path}/site.sqlite3")
    (tmp_path / "other.dump").write_bytes(b"PGDMP")
    (tmp_path / "damaged.sqlite3").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    assert "of another kind" in site.manage("restore", str(tmp_path / "other.dump"), "--yes", fails=True)
    assert "is no file" in site.manage("restore", str(tmp_path / "missing.sqlite3"), "--yes", fails=True)
    assert "cannot be copied" in site.manage("restore", str(tmp_path / "damaged.sqlite3"), "--yes", fails=True)
    assert site.run(COUNT) == "10"


@pytest.mark.slow
def test_old_backups_are_removed_and_the_newest_never(tmp_path: Path, folder: Path) -> None:
    site = Site(f"sqlite:///{tmp_path}/site.sqlite3")
    folder.mkdir()
    for day in ("01", "02"):
        old = folder / f"tradingsite-202501{day}T000000Z.sqlite3"
        old.write_bytes(b"")
        os.utime(old, (0, 0))
    (folder / "notes.txt").write_text("not a backup")
    os.utime(folder / "notes.txt", (0, 0))
    site.manage("backup", str(folder), "--keep", "7")
    assert len(list(folder.glob("*.sqlite3"))) == 1
    assert (folder / "notes.txt").exists()
