"""What starts imports what it needs: held by names of modules, since times are this machine's."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from testservers.project import ROOT
from testservers.redis_server import RedisServer
from testservers.web_server import prepare

# What only the site's pages, or calls to the broker, need.
PAGES_ALONE = {
    "broker.iifl.client",
    "drf_spectacular.plumbing",
    "prometheus_client",
    "requests",
    "rest_framework.views",
    "tradingsite.urls",
    "watchlist.admin",
}
QUICK = (
    ("help",),
    ("cachestats",),
    ("clearcache", "*", "--dry-run"),
    ("createtoken", "admin"),
    ("runsimulator", "--help"),
)

COMMAND = """
import json, sys
import manage
try:
    manage.main(sys.argv)
finally:
    print()
    print(json.dumps(list(sys.modules)))
"""
WORKER = """
import gc, json, sys
from tradingsite.wsgi import application
from django.test import RequestFactory
before = set(sys.modules)
asked = RequestFactory().get("/api/broker/holdings", headers={"Host": "localhost"}).environ
statuses = []
b"".join(application(asked, lambda status, headers: statuses.append(status)))
print(json.dumps({
    "before": sorted(before),
    "new": sorted(set(sys.modules) - before),
    "status": statuses,
    "collects": gc.isenabled(),
    "frozen": gc.get_freeze_count(),
}))
"""


def told_by(program: str, *arguments: str, environment: Mapping[str, str]) -> Any:
    """The last line of what a Python of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_quick_commands_import_nothing_that_only_pages_need(redis_server: RedisServer, tmp_path: Path) -> None:
    environment = {"REDIS_URL": redis_server.url, "DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3"}
    prepare(environment)
    needless = {
        command: found
        for command in QUICK
        if (found := PAGES_ALONE.intersection(told_by(COMMAND, *command, environment=environment)))
    }
    assert needless == {}


def test_the_whole_check_still_looks_at_every_page() -> None:
    assert set(told_by(COMMAND, "check", environment={})) >= PAGES_ALONE


def test_a_worker_has_all_its_views_before_its_first_request(tmp_path: Path) -> None:
    told = told_by(WORKER, environment={"DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3"})
    assert told["status"] == ["401 Unauthorized"]
    assert set(told["before"]) >= PAGES_ALONE
    ours = ("tradingsite.", "alerts.", "watchlist.", "broker.", "systemcache.", "rest_framework.", "drf_spectacular.")
    assert [name for name in told["new"] if name.startswith(ours)] == []
    assert told["collects"]
    assert told["frozen"] > 50_000
