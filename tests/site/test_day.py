"""A short day of the benchmark: what users see while broker and Redis fail, one after the other."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests.support.programs import only_linux

SECONDS, USERS = 34.0, 24


@pytest.mark.slow
@only_linux
@pytest.mark.timeout(240)
def test_a_short_day_shows_no_user_an_error_that_is_not_the_brokers(tmp_path: Path) -> None:
    """Reads are current, answers well formed and in time, the broker's limits kept, orders placed once."""
    server, slash, _ = os.environ.get("DATABASE_URL", "").rpartition("/")
    options = ["--seconds", str(SECONDS), "--users", str(USERS), "--json", str(tmp_path / "day.json")]
    if slash and server.startswith("postgres"):
        options += ["--postgres", server]
    played = subprocess.run(
        [sys.executable, "-m", "benchmarks.simulated_day", *options],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=230,
    )
    assert played.returncode == 0, played.stdout + played.stderr
    outcome = json.loads((tmp_path / "day.json").read_text())
    assert {line["name"] for line in outcome["routes"]} >= {"holdings", "watchlist write", "order", "page: admin"}
