"""A clear of 100,000 of 300,000 keys beside KEYS and one UNLINK of the same; another client's PINGs wait meanwhile."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import IO, Any, cast

from django.conf import settings
from redis import Redis

from benchmarks.targets import Targets
from systemcache.invalidation import clear as clearing

ALL, OURS = 300_000, 100_000
BATCH = 5_000
ROUNDS = 5
CHOSEN: tuple[dict[str, str], ...] = ({"pattern": "api:quotes:*"}, {"family": "quotes"})
AT_ONCE = "KEYS and one UNLINK"
# A process of its own: in this one it would wait for the interpreter's lock, not for Redis.
PING = """
import json, select, sys, time
from redis import Redis
redis = Redis.from_url(sys.argv[1])
redis.ping()
print("ready", flush=True)
waits = []
while not select.select([sys.stdin], [], [], 0.001)[0]:
    started = time.perf_counter()
    redis.ping()
    waits.append(1000 * (time.perf_counter() - started))
waits.sort()
print(json.dumps([len(waits), waits[int(0.99 * len(waits))], waits[-1]]))
"""


@dataclass(frozen=True, slots=True)
class Clear:
    """One clear: how many keys in how many seconds; PINGs of another client, their p99 and longest in milliseconds."""

    what: str
    keys: int
    seconds: float
    pings: int
    p99: float
    longest: float


def run(targets: Targets) -> list[Clear]:
    """Clear in each way, in turns; keep the quickest round of each, to leave out what else the machine does."""
    ways = {clearing.target(**chosen).what: _by_the_site(chosen) for chosen in CHOSEN} | {AT_ONCE: _at_once}
    rounds = [_timed(what, way) for _ in range(ROUNDS) for what, way in ways.items()]
    best = {what: min((one for one in rounds if one.what == what), key=lambda one: one.seconds) for what in ways}
    for one in best.values():
        print(
            f"clear of {one.what}: {one.keys:,} of {ALL:,} keys in {one.seconds:.3f} s; "
            f"PING p99 {one.p99:.1f} ms, longest {one.longest:.1f} ms of {one.pings}"
        )
    at_once = best.pop(AT_ONCE)
    for one in best.values():
        targets.at_most(f"seconds of a clear of {one.what} / of {AT_ONCE}", one.seconds / at_once.seconds, 5.0)
        targets.at_most(f"p99 of a PING meanwhile / the longest during {AT_ONCE}", one.p99 / at_once.longest, 0.25)
    return [*best.values(), at_once]


def _timed(what: str, clear: Callable[[], int]) -> Clear:
    """Clear while another client pings every millisecond."""
    _fill()
    with subprocess.Popen(
        [sys.executable, "-c", PING, settings.REDIS_URL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as pinger:
        cast(IO[str], pinger.stdout).readline()
        started = perf_counter()
        keys = clear()
        seconds = perf_counter() - started
        told, _ = pinger.communicate("\n", timeout=30)
    return Clear(what, keys, seconds, *json.loads(told))


def _fill() -> None:
    """Make every third key ours."""
    pipeline = _patient_client().pipeline(transaction=False)
    for number in range(ALL):
        ours = number % (ALL // OURS) == 0
        name = f"{settings.CACHE_PREFIX}:api:quotes:NSEEQ:S{number}" if ours else f"other:{number}"
        pipeline.set(name, b"x" * 60)
        if number % BATCH == BATCH - 1:
            pipeline.execute()


def _by_the_site(chosen: dict[str, str]) -> Callable[[], int]:
    return lambda: clearing.clear(clearing.target(**chosen), by="benchmark").keys


def _at_once() -> int:
    redis = _patient_client()
    return int(redis.unlink(*redis.keys(f"{settings.CACHE_PREFIX}:api:quotes:*")))


def _patient_client() -> Any:
    """A client without the site's short timeouts."""
    return Redis.from_url(settings.REDIS_URL)
