"""No read that begins after an acknowledged write shows what it replaced; and the harness would see it if one did."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.systemcache.promises import database
from tests.systemcache.promises.board import Board
from tests.systemcache.promises.harness import Harness, Outcome
from testservers.redis_server import RedisServer

READS, WRITES = 50_000, 500  # in the slow form; the quick one takes a tenth
PAUSE = "0.004"  # seconds, at the most, between a load and its store: the moment in which others write
Show = Callable[[str, Outcome], None]
pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def make_harness(tmp_path: Path) -> Iterator[Callable[..., Harness]]:
    """A harness on a PostgreSQL database and a Redis of its own."""
    with database.migrated() as address, RedisServer(tmp_path / "redis") as redis:

        def make(**variables: str) -> Harness:
            seed = int.from_bytes(os.urandom(4))
            return Harness(
                Board(tmp_path / "board"),
                seed,
                DATABASE_URL=address,
                REDIS_URL=redis.url,
                PROMISES_PAUSE=PAUSE,
                **variables,
            )

        yield make


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Show:
    def say(what: str, outcome: Outcome) -> None:
        with capsys.disabled():
            print(f"\n{what}: {outcome}")

    return say


@pytest.mark.slow
@pytest.mark.parametrize("share", [1, 10])
def test_no_read_after_an_acknowledged_write_is_stale(
    make_harness: Callable[..., Harness], show: Show, share: int
) -> None:
    """It ends when both counts are reached, however long a busy machine takes."""
    harness = make_harness()
    outcome = harness.run(reads=READS // share, writes=WRITES // share, seconds=800)
    show(f"leases on, seed {harness.seed}", outcome)
    assert outcome.errors == []
    assert outcome.stale == 0, (harness.seed, outcome.examples)
    assert outcome.reads >= READS // share
    assert outcome.writes >= WRITES // share


@pytest.mark.slow
def test_with_leases_switched_off_the_same_harness_finds_stale_reads(
    make_harness: Callable[..., Harness], show: Show
) -> None:
    harness = make_harness(PROMISES_LEASES="off")
    outcome = harness.run(reads=READS // 10, writes=WRITES // 5, seconds=60)
    show(f"leases off, seed {harness.seed}", outcome)
    assert outcome.errors == []
    assert outcome.stale > 0
