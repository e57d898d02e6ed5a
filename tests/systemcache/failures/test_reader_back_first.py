"""After an outage a reader is back before the writer, which leaves its invalidations on record until its pause is over:
the reader hears of them from the database, within a round of recovery."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.waiting import eventually
from tests.systemcache.failures.site import Process, running_site
from tests.systemcache.failures.traffic import Traffic, first_item, hits
from testservers.ports import free_port
from testservers.redis_proxy import RedisProxy
from testservers.redis_server import RedisServer

ROUNDS = 4
FLAPS = 3  # time-outs in a row after which a breaker pauses for longest
BOUND = 0.5  # seconds: a round of recovery
SLACK = 1.0  # seconds, for a machine that does other things, too
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass
class Host:
    """A process, and its way to Redis."""

    process: Process
    way: RedisProxy


@dataclass
class World:
    writer: Host
    reader: Host
    redis: RedisServer


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    make = tmp_path_factory.mktemp
    with (
        RedisServer(make("redis")) as redis,
        RedisProxy(redis.port) as writers,
        RedisProxy(redis.port) as readers,
        running_site(make("site"), REDIS_URL=writers.url) as site,
    ):
        reader = site.another("reader", REDIS_URL=readers.url)
        try:
            yield World(Host(site.one, writers), Host(reader, readers), redis)
        finally:
            reader.stop()


def loses_redis_by_time_outs(host: Host) -> None:
    host.way.holds_answers.set()
    eventually(lambda: not hits(host.process))


def loses_redis_at_once(host: Host) -> None:
    host.way.repoint(free_port())
    host.way.cut()
    eventually(lambda: not hits(host.process))


def test_writes_before_the_writer_is_back_show_within_a_round_of_recovery(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    writer, reader = world.writer, world.reader
    eventually(lambda: hits(writer.process) and hits(reader.process))
    for _ in range(FLAPS):
        loses_redis_by_time_outs(writer)
        writer.way.holds_answers.clear()
        eventually(lambda: hits(writer.process))
    alone = 0.0  # seconds for which the reader has used Redis, and the writer has not
    with Traffic(writer.process, [writer.process, reader.process], first_item(writer.process)) as traffic:
        for _ in range(ROUNDS):
            loses_redis_at_once(reader)
            loses_redis_by_time_outs(writer)
            reader.way.repoint(world.redis.port)
            writer.way.holds_answers.clear()
            eventually(lambda: hits(reader.process))
            back = time.monotonic()
            eventually(lambda: hits(writer.process))
            alone += time.monotonic() - back
            stale, written = traffic.stale(), traffic.written
            eventually(lambda written=written: traffic.written > written + 10)  # type: ignore[misc]
            assert traffic.stale() == stale, "stale although both use Redis"
    seen = traffic.seen[reader.process.name]
    with capsys.disabled():
        print(
            f"\nthe reader was back {alone:.1f} s before the writer in {ROUNDS} rounds: {seen.stale} stale of "
            f"{seen.reads} reads, for {seen.stale_for:.3f} s at the most"
        )
    assert traffic.failures() == []
    assert alone > 0.5 * ROUNDS, "the writer was back as early"
    assert traffic.seen[writer.process.name].stale == 0
    assert seen.stale_for < BOUND + SLACK
