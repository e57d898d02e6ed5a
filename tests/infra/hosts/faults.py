"""What may go wrong with three machines, chosen by chance."""

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from redis import Redis, RedisError

from testservers.hosts import Host, Site
from testservers.project import ROOT
from testservers.sentinel import PASSWORD, SERVICE

LENGTHS = (0.3, 1.5, 5.0)  # seconds: shorter than a timeout, longer than some, longer than Sentinel needs


@dataclass
class Fault:
    """`at`: the hosts (and `edge`, `db`) that it concerns. Times are those of the system's clock."""

    kind: str
    at: tuple[str, ...]
    began: float
    ended: float = float("inf")

    def __str__(self) -> str:
        return f"{self.kind} ({', '.join(self.at)}), {self.ended - self.began:.1f} s"


@dataclass
class World:
    site: Site
    chance: random.Random
    newer: Path  # a project of a newer version

    def host(self) -> Host:
        return self.chance.choice(list(self.site.hosts))

    def lasts(self) -> None:
        time.sleep(self.chance.choice(LENGTHS))

    def play(self, played: list[Fault]) -> Fault:
        """One fault, over when it returns, after those that were played before."""
        kind = self.chance.choice(KINDS)
        fault = Fault(kind.__name__.replace("_", " "), (), time.time())
        played.append(fault)
        kind(self, fault)
        fault.ended = time.time()
        return fault


def kill_a_program(world: World, fault: Fault) -> None:
    host = world.host()
    name = world.chance.choice(host.programs)
    fault.kind, fault.at = f"kill {name}", (host.name,)
    host.kill(name)
    world.lasts()
    host.start(name)


def kill_a_worker(world: World, fault: Fault) -> None:
    """Its server starts another one."""
    host = world.host()
    fault.at = (host.name,)
    os.kill(world.chance.choice(host.workers), signal.SIGKILL)
    world.lasts()


def stop_a_program(world: World, fault: Fault) -> None:
    host = world.host()
    name = world.chance.choice(host.programs)
    fault.kind, fault.at = f"stop {name}", (host.name,)
    _stop_for_a_while(world, host.pids(name))


def stop_a_worker(world: World, fault: Fault) -> None:
    host = world.host()
    fault.at = (host.name,)
    _stop_for_a_while(world, [world.chance.choice(host.workers)])


def _stop_for_a_while(world: World, pids: Sequence[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    world.lasts()
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def kill_redis(world: World, fault: Fault) -> None:
    host = _some_redis(world, fault)
    host.redis.kill()
    world.lasts()
    host.restart_redis()
    if world.site.primary is not host:  # as a server does whose configuration says whom it follows
        with suppress(RedisError), host.redis_client() as client:
            client.replicaof(world.site.primary.address, world.site.primary.redis.port)


def stop_redis(world: World, fault: Fault) -> None:
    host = _some_redis(world, fault)
    host.redis.pause()
    world.lasts()
    host.redis.resume()


def _some_redis(world: World, fault: Fault) -> Host:
    """The primary, more often than not."""
    host = world.site.primary if world.chance.random() < 0.5 else world.host()
    fault.at = (host.name,)
    fault.kind += " primary" if host is world.site.primary else " replica"
    return host


def kill_sentinel(world: World, fault: Fault) -> None:
    host = world.host()
    fault.at = (host.name,)
    assert host.sentinel
    host.sentinel.stop()
    world.lasts()
    host.restart_sentinel()


def part(world: World, fault: Fault) -> None:
    """In both directions, or in one."""
    pair = world.chance.choice(list(combinations(world.site.network.names, 2)))
    one, other = world.chance.sample(pair, 2)
    fault.at = (one, other)
    world.site.network.cut(one, other)
    if world.chance.random() < 0.5:
        world.site.network.cut(other, one)
    else:
        fault.kind += " one way"
    world.lasts()
    world.site.network.heal()


def fail_over(world: World, fault: Fault) -> None:
    host = world.host()
    assert host.sentinel
    fault.at = (world.site.primary.name,)
    with (
        suppress(RedisError),  # another failover was a moment ago
        Redis(host.address, host.sentinel.port, password=PASSWORD, socket_timeout=5) as sentinel,
    ):
        sentinel.execute_command("SENTINEL", "FAILOVER", SERVICE)
    world.lasts()


def restart_in_the_other_version(world: World, fault: Fault) -> None:
    """One machine, as in a rolling upgrade, or in one that is taken back; the others stay as they are."""
    host = world.host()
    fault.at = (host.name,)
    host.project = ROOT if host.project == world.newer else world.newer
    for name in host.programs:
        host.stop_politely(name)
        host.start(name)


KINDS: tuple[Callable[[World, Fault], None], ...] = (
    kill_a_program,
    kill_a_worker,
    stop_a_program,
    stop_a_worker,
    kill_redis,
    kill_redis,
    stop_redis,
    stop_redis,
    kill_sentinel,
    part,
    part,
    part,
    part,
    fail_over,
    fail_over,
    restart_in_the_other_version,
    restart_in_the_other_version,
)
