"""Three machines, six web workers, Sentinel, and faults by chance: what is promised holds on all of them.

FAULTS says how many faults there are; without it nothing runs. FAULTS_SEED repeats a run (the output has the seed), and
Ctrl-C ends a long one.

    FAULTS=200 .venv/bin/pytest tests/infra/hosts -n 0 -s
"""

import os
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.infra.hosts.faults import Fault, World
from tests.infra.hosts.judge import Run
from tests.infra.hosts.traffic import Traffic
from tests.support.programs import leave_out, program
from testservers import network
from testservers.hosts import Site, running_site
from testservers.project import copy_to
from testservers.web_server import manage

FAULTS = int(os.environ.get("FAULTS", "0"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600 if FAULTS <= 8 else 0),
    pytest.mark.skipif(not FAULTS, reason="FAULTS is not set: this takes minutes of a machine with nothing else to do"),
]
RECOVERS = 60.0  # seconds within which everything is in use again on a busy machine
CALM = 1.5  # seconds between two faults, in which nothing at all may go wrong
HITS = 6  # in a row, so that both workers of a machine are among those that answered


@pytest.fixture
def seed() -> int:
    found = int(os.environ.get("FAULTS_SEED") or random.SystemRandom().randrange(10**6))
    print(f"FAULTS_SEED={found}")
    return found


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    if reason := network.why_not():
        leave_out(reason)
    for name in ("redis-sentinel", "nginx"):
        program(name)
    with running_site(tmp_path) as running:
        yield running


def newer_version(folder: Path, site: Site) -> Path:
    """A copy with another version number, one more field in a cached type, and a migration, which is applied."""
    project = copy_to(folder)
    replace(project / "CHANGELOG.md", "\n## ", "\n## 99.0.0\n\n## ")
    replace(
        project / "watchlist" / "schemas.py", "    description: str\n", "    description: str\n    newer: str = ''\n"
    )
    latest = max((project / "watchlist" / "migrations").glob("0*.py"))
    (latest.parent / "9999_newer.py").write_text(
        "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
        f"    dependencies = [('watchlist', {latest.stem!r})]\n"
        "    operations = [migrations.RunSQL('ALTER TABLE watchlist_signal ADD COLUMN newer text NULL')]\n"
    )
    manage("migrate", "--verbosity", "0", environment=site.hosts[0].environment, project=project)
    return project


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text, f"{file.name} holds no {old!r}"
    file.write_text(text.replace(old, new, 1))


def wait_until_recovered(site: Site, fault: Fault | None) -> None:
    """All servers follow one primary, and each machine answers from the cache."""
    deadline = time.monotonic() + RECOVERS
    while not (site.is_whole() and all(site.is_cached(host) for host in site.hosts for _ in range(HITS))):
        assert time.monotonic() < deadline, f"not in use again within {RECOVERS:g} s after: {fault}"
        time.sleep(0.1)


def test_random_faults_break_no_promise(site: Site, seed: int, tmp_path: Path) -> None:
    world = World(site, random.Random(seed), newer_version(tmp_path / "newer", site))
    wait_until_recovered(site, None)
    faults: list[Fault] = []
    with Traffic(site.url, site.token, seed) as traffic:
        time.sleep(CALM)
        with suppress(KeyboardInterrupt):  # a long run may be ended early: what was played is judged
            for number in range(FAULTS):
                fault = world.play(faults)
                print(f"{number}: {fault}", flush=True)
                wait_until_recovered(site, fault)
                time.sleep(CALM)
    begun = faults[0].began
    decisions = [at for at, _ in site.decisions() if at > begun]
    addresses = {name: site.network.address(name) for name in site.network.names}
    judgement = Run(traffic, faults, decisions, addresses, site.order_book()).judged()
    print(*judgement.figures, *judgement.wrong, sep="\n")
    assert not judgement.wrong
