"""Random faults over two hosts, each with its own way to Redis: no error, and nothing stale once a fault is over.

FAULTS_SEED repeats a run, FAULTS says how many there are. The seed is in the output.
"""

import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import pytest
from redis import Redis

from tests.support.waiting import eventually
from tests.systemcache.failures.site import Process, running_site
from tests.systemcache.failures.traffic import Traffic, first_item, hits
from testservers.redis_proxy import RedisProxy
from testservers.redis_server import RedisServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

FAULTS = int(os.environ.get("FAULTS", "7"))
BOUND = 15.0  # seconds; far more than the bound on an idle machine, far less than a value's TTL of 300


@dataclass
class World:
    """Two hosts, a primary and its replica."""

    hosts: tuple[Process, Process]
    ways: tuple[RedisProxy, RedisProxy]
    primary: RedisServer
    replica: RedisServer
    chance: random.Random

    def lasts(self) -> None:
        """A fault lasts for a moment: shorter than a time-out, or longer than several."""
        time.sleep(self.chance.choice((0.1, 0.6, 2.0)))

    def replicate(self) -> None:
        """The replica follows the primary again, whichever is which by now."""
        with Redis.from_url(self.replica.url) as replica:
            replica.replicaof("127.0.0.1", self.primary.port)
            eventually(lambda: bool(replica.info("replication")["master_link_status"] == "up"))

    def promote(self) -> None:
        """The replica takes over; the former primary lives on."""
        with Redis.from_url(self.replica.url) as replica:
            replica.replicaof("NO", "ONE")
        self.primary, self.replica = self.replica, self.primary


def cut(world: World) -> None:
    world.chance.choice(world.ways).cut()


def part_one_way(world: World) -> None:
    way = world.chance.choice(world.ways)
    held = world.chance.choice((way.holds_requests, way.holds_answers))
    held.set()
    world.lasts()
    held.clear()


def part(world: World) -> None:
    way = world.chance.choice(world.ways)
    way.holds_requests.set()
    way.holds_answers.set()
    world.lasts()
    way.holds_requests.clear()
    way.holds_answers.clear()


def hang(world: World) -> None:
    world.primary.pause()
    world.lasts()
    world.primary.resume()


def restart(world: World) -> None:
    world.primary.kill()
    world.lasts()
    world.primary.restart()
    world.replicate()


def stop_a_host(world: World) -> None:
    host = world.chance.choice(world.hosts)
    host.pause()
    world.lasts()
    host.resume()


def fail_over_one_after_the_other(world: World) -> None:
    """Split brain in between: one host is at the new primary, the other still at the old one, which takes writes."""
    world.promote()
    for way in world.chance.sample(world.ways, 2):
        way.repoint(world.primary.port)
        way.cut()
        world.lasts()
    world.replicate()


def fail_over_behind_open_connections(world: World) -> None:
    world.promote()
    for way in world.ways:
        way.switch(world.primary.port)
    world.lasts()
    world.replicate()


KINDS: tuple[Callable[[World], None], ...] = (
    cut,
    part_one_way,
    part,
    hang,
    restart,
    stop_a_host,
    fail_over_one_after_the_other,
    fail_over_behind_open_connections,
)


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    make = tmp_path_factory.mktemp
    seed = int(os.environ.get("FAULTS_SEED") or random.SystemRandom().randrange(10**6))
    print(f"FAULTS_SEED={seed}")
    with (
        RedisServer(make("a")) as a,
        RedisServer(make("b")) as b,
        RedisProxy(a.port) as of_one,
        RedisProxy(a.port) as of_two,
        running_site(make("site"), REDIS_URL=of_one.url) as site,
    ):
        two = site.another("second-host", REDIS_URL=of_two.url)
        try:
            world = World((site.one, two), (of_one, of_two), a, b, random.Random(seed))
            world.replicate()
            eventually(lambda: all(map(hits, world.hosts)))
            yield world
        finally:
            two.stop()


def has_written_more(traffic: Traffic, number: int) -> bool:
    return traffic.written > number


def test_nothing_fails_and_nothing_stays_stale(world: World) -> None:
    one, _ = world.hosts
    with Traffic(one, world.hosts, first_item(one)) as traffic:
        eventually(lambda: traffic.written > 3)
        for number in range(FAULTS):
            fault = world.chance.choice(KINDS)
            print(f"{number}: {fault.__name__}")
            fault(world)
            eventually(lambda: all(map(hits, world.hosts)))
            stale, written = traffic.stale(), traffic.written
            eventually(partial(has_written_more, traffic, written + 3))
            assert traffic.stale() == stale, f"stale after {fault.__name__} was over"
            assert traffic.failures() == [], fault.__name__
    longest = max(seen.stale_for for seen in traffic.seen.values())
    reads = sum(seen.reads for seen in traffic.seen.values())
    print(f"stale for {longest:.2f} s at the most, {traffic.stale()} reads of {reads}")
    assert longest < BOUND
