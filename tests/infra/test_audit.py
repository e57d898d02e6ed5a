"""`make check` asks for known vulnerabilities: one that is found fails it, an absent database does not."""

import json
import runpy
import subprocess
from typing import Any

import pytest

from testservers.project import ROOT

AUDIT = runpy.run_path(str(ROOT / "scripts" / "audit.py"))
DJANGO = {"name": "django", "version": "5.2.1", "vulns": [{"id": "CVE-1", "fix_versions": ["5.2.2"]}]}
WELL = {"name": "redis", "version": "8.1.0", "vulns": []}
UNKNOWN = {"name": "segno", "skip_reason": "not found"}


def audited(monkeypatch: pytest.MonkeyPatch, answer: str, error: str = "") -> int:
    def run(command: list[str], **_: Any) -> "subprocess.CompletedProcess[str]":
        return subprocess.CompletedProcess(command, 1, answer, error)

    monkeypatch.setattr(subprocess, "run", run)
    code: int = AUDIT["main"](["requirements.txt"])
    return code


def test_a_vulnerability_fails_the_check(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert audited(monkeypatch, json.dumps({"dependencies": [DJANGO, WELL]})) == 1
    assert "django 5.2.1: CVE-1" in capsys.readouterr().out


def test_an_exception_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(AUDIT["EXCEPTIONS"], "CVE-1", "of a part that the site does not use")
    assert audited(monkeypatch, json.dumps({"dependencies": [DJANGO]})) == 0


def test_what_the_database_does_not_know_is_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audited(monkeypatch, json.dumps({"dependencies": [WELL, UNKNOWN]})) == 0
    assert "1 packages audited; of 1 it has no data" in capsys.readouterr().out


def test_without_its_database_nothing_is_audited_and_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audited(monkeypatch, "", "Traceback …\nConnectionError: no route") == 0
    assert "nothing was audited (ConnectionError: no route)" in capsys.readouterr().out
