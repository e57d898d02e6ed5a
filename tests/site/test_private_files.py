"""What the site writes is for its user alone, and a check says where it is not."""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from testservers.project import copy_to
from tradingsite import checks


@pytest.fixture
def var(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A database under var/, as an earlier version left it under the usual umask."""
    # Not under pytest's own folder, which is private: nothing below it could be read.
    with tempfile.TemporaryDirectory(dir="/tmp") as project:
        Path(project).chmod(0o755)
        folder = Path(project) / "var"
        folder.mkdir()
        (folder / "site.sqlite3").touch()
        settings.BASE_DIR, settings.VAR_DIR = folder.parent, folder
        database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "site.sqlite3")}
        monkeypatch.setitem(settings.DATABASES, "default", database)
        yield folder


def readable() -> list[str]:
    return [message.msg for message in checks.check_private_files(None)]


def test_a_check_names_what_other_users_can_read(var: Path) -> None:
    var.chmod(0o755)
    (var / "site.sqlite3").chmod(0o644)
    assert readable() == [f"Other users of this machine can read {path}." for path in (var, var / "site.sqlite3")]
    var.chmod(0o700)
    assert readable() == []


def test_a_check_names_a_readable_file_of_settings(var: Path) -> None:
    var.chmod(0o700)
    (var.parent / ".env").touch(mode=0o644)
    (var.parent / ".env").chmod(0o644)
    assert readable() == [f"Other users of this machine can read {var.parent / '.env'}."]


@pytest.mark.slow
@pytest.mark.parametrize("start", [["manage.py", "migrate"], ["-c", "import tradingsite.wsgi as w; w.application"]])
def test_whatever_starts_the_site_writes_for_its_user_alone_and_tightens_var(tmp_path: Path, start: list[str]) -> None:
    project = copy_to(tmp_path / "site")
    (project / "var").mkdir(mode=0o755)
    environment = {"PATH": os.environ["PATH"], "REDIS_URL": "redis://127.0.0.1:1/0"}
    done = subprocess.run(
        [sys.executable, *start],
        cwd=project,
        env=environment,
        umask=0o022,
        capture_output=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    files = [project / "var", *(project / "var").rglob("*")]
    assert {str(path): oct(path.stat().st_mode) for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077} == {}
