"""docs/cache/add-a-cached-value.md: its blocks, applied to a copy of the project, do what it says."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest

from testservers.project import ROOT, copy_to
from testservers.redis_server import RedisServer

pytestmark = pytest.mark.slow

GUIDE = "docs/cache/add-a-cached-value.md"
BLOCK = re.compile(r"`(\w+/\w+\.py)`:\n\n```python\n(.*?)```", re.DOTALL)
# File -> the line of a list or dictionary behind which the guide's block goes (None: at the end of the file), and its
# indentation.
PLACES: dict[str, tuple[str | None, str]] = {
    "watchlist/cache_families.py": (None, ""),
    "tradingsite/settings.py": ('        "watchlist": 300,\n', " " * 8),
    "watchlist/apps.py": (None, " " * 8),
    "watchlist/views.py": (None, ""),
    "watchlist/urls.py": ("urlpatterns = [\n", " " * 4),
}
PROGRAM = """
import json, os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradingsite.settings")
import django
django.setup()
from io import StringIO
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.test import Client
from systemcache.models import ApiToken
from watchlist.models import WatchlistItem

settings.ALLOWED_HOSTS = ["testserver"]
call_command("migrate", verbosity=0)
call_command("check")
seer, stranger = User.objects.create_user("seer"), User.objects.create_user("stranger")
seer.user_permissions.add(Permission.objects.get(codename="view_watchlistitem"))
admin = User.objects.create_superuser("admin", password="correct horse")
tokens = {user: ApiToken.issue(user, "test") for user in (seer, stranger, admin)}

def get(address, user=None):
    headers = {"Authorization": f"Token {tokens[user]}"} if user else {}
    return Client().get(address, headers=headers)

ROUTE = "/api/watchlist/tally"
WatchlistItem.objects.create(symbol="TCS", category="hold")
first, second, _ = get(ROUTE, seer), get(ROUTE, seer), get("/api/watchlist", seer)
WatchlistItem.objects.create(symbol="INFY", category="hold")
after, watchlist = get(ROUTE, seer), get("/api/watchlist", seer)
out = StringIO()
call_command("clearcache", family="tally", dry_run=True, stdout=out)
pages = Client()
pages.force_login(admin)
print(json.dumps({
    "anonymous": get(ROUTE).status_code,
    "stranger": get(ROUTE, stranger).status_code,
    "bodies": [response.json() for response in (first, second, after)],
    "states": [response["X-Cache"] for response in (first, second, after)],
    "watchlist": watchlist["X-Cache"],
    "ttl": settings.CACHE_TTLS["tally"],
    "families": [row for row in get("/api/system/cache/families", admin).json()["data"] if row["name"] == "tally"],
    "statistics": get("/api/system/cache/stats", admin).json()["families"]["tally"],
    "metrics": [line for line in get("/metrics", admin).content.decode().splitlines() if 'family="tally"' in line],
    "clearcache": out.getvalue(),
    "admin": pages.get("/admin/systemcache/cache/").content.decode().count("tally"),
    "value": pages.get("/admin/systemcache/cache/key/?key=db:tally").content.decode().count("hold"),
    "schema": get("/api/schema/?format=json", admin).json()["paths"]["/api/watchlist/tally/"]["get"],
}))
"""


def blocks() -> Iterator[tuple[str, str]]:
    yield from BLOCK.findall((ROOT / GUIDE).read_text())


def apply_to(project: Path) -> None:
    for name, block in blocks():
        path, (line, prefix) = project / name, PLACES[name]
        source, addition = path.read_text(), indent(block, prefix)
        if line is None:
            path.write_text(f"{source}\n{addition}")
        else:
            assert source.count(line) == 1, f"{name} has no single place for the guide's block"
            path.write_text(source.replace(line, f"{line}{addition.rstrip().removesuffix(',')},\n"))


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer) -> Any:
    """What a site with the guide's value answers."""
    project = copy_to(tmp_path_factory.mktemp("guide") / "project")
    apply_to(project)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=project,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tradingsite.settings",
            "PYTHONPATH": str(project),
            "DATABASE_URL": f"sqlite:///{project}/site.sqlite3",
            "REDIS_URL": redis_server.url,
            "CACHE_TTL_TALLY": "60",
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_each_block_of_the_guide_has_its_place() -> None:
    assert [name for name, _ in blocks()] == list(PLACES)
    lines = [line for _, block in blocks() for line in block.splitlines() if line.strip()]
    assert (ROOT / GUIDE).read_text().count("```python") == len(PLACES)
    assert len([line for line in lines if "import" not in line]) <= 15


def test_the_route_answers_from_the_cache_and_a_write_invalidates_it(outcome: Any) -> None:
    assert [body["data"] for body in outcome["bodies"]] == [{"hold": 1}, {"hold": 1}, {"hold": 2}]
    assert outcome["states"] == ["miss", "hit", "miss"]
    assert outcome["watchlist"] == "miss"  # what showed the table before still follows it


def test_the_route_takes_the_familys_permission(outcome: Any) -> None:
    assert (outcome["anonymous"], outcome["stranger"]) == (401, 403)


def test_the_environment_changes_its_ttl(outcome: Any) -> None:
    assert outcome["ttl"] == 60


def test_it_shows_wherever_the_guide_says(outcome: Any) -> None:
    (family,) = outcome["families"]
    assert (family["key"], family["ttl"]) == ("db:tally", 60)
    assert (outcome["statistics"]["hits"], outcome["statistics"]["misses"]) == (1, 2)
    assert outcome["metrics"]
    assert outcome["clearcache"] == "1 keys would be cleared\n"
    assert outcome["admin"]
    assert outcome["value"]
    envelope = outcome["schema"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert envelope["properties"]["data"] == {
        "type": "object",
        "additionalProperties": {"type": "integer"},
    }
