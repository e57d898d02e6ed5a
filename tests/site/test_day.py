"""A short day of the benchmark: what users see while broker and Redis fail, one after the other."""

import os
from pathlib import Path

import pytest

from benchmarks.day import report
from benchmarks.day.play import played_day
from tests.servers.processes import only_linux

SECONDS, USERS = 34.0, 24


@only_linux
@pytest.mark.timeout(240)
def test_a_short_day_shows_no_user_an_error_that_is_not_the_brokers(tmp_path: Path) -> None:
    """Reads are current, answers well formed and in time, the broker's limits kept, orders placed once."""
    server, slash, _ = os.environ.get("DATABASE_URL", "").rpartition("/")
    postgres = server if slash and server.startswith("postgres") else None
    outcome = played_day(tmp_path, seconds=SECONDS, users=USERS, postgres=postgres)
    report.show(outcome)
    assert [verdict for verdict in outcome.verdicts if not verdict.holds] == []
    assert {line.name for line in outcome.routes} >= {"holdings", "watchlist write", "order", "page: admin"}
