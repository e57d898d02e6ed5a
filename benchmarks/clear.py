"""A clear of 100,000 of 300,000 keys, and how long another client's PING waits meanwhile."""

import json
import subprocess
import sys
from dataclasses import dataclass
from time import perf_counter
from typing import IO, cast

from django.conf import settings
from django_redis import get_redis_connection

from systemcache import invalidation

ALL, OURS = 300_000, 100_000
BATCH = 5_000
MOST_SECONDS, MOST_PING = 1.0, 15.0  # what must hold: seconds for the clear, milliseconds of a PING at p99
CHOSEN: tuple[dict[str, str], ...] = ({"pattern": "api:quotes:*"}, {"family": "quotes"})
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


def fill() -> None:
    """Every third key is ours."""
    pipeline = get_redis_connection("default").pipeline(transaction=False)
    for number in range(ALL):
        ours = number % (ALL // OURS) == 0
        name = f"{settings.CACHE_PREFIX}:api:quotes:NSEEQ:S{number}" if ours else f"other:{number}"
        pipeline.set(name, b"x" * 60)
        if number % BATCH == BATCH - 1:
            pipeline.execute()


def one(chosen: dict[str, str], url: str) -> Clear:
    """Clears, while another client pings every millisecond."""
    target = invalidation.target(**chosen)
    with subprocess.Popen(
        [sys.executable, "-c", PING, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as pinger:
        cast(IO[str], pinger.stdout).readline()
        started = perf_counter()
        keys = invalidation.clear(target, by="benchmark").keys
        seconds = perf_counter() - started
        told, _ = pinger.communicate("\n", timeout=30)
    return Clear(target.what, keys, seconds, *json.loads(told))


def best(chosen: dict[str, str], url: str, rounds: int = 5) -> Clear:
    """The quickest of some rounds: what else the machine does is none of Redis's doing."""
    return min((_round(chosen, url) for _ in range(rounds)), key=lambda clear: clear.seconds)


def _round(chosen: dict[str, str], url: str) -> Clear:
    fill()
    return one(chosen, url)


def run(rounds: int = 5) -> list[Clear]:
    """Prints the figures; raises SystemExit when they are not what must hold. On the Redis of the settings."""
    found = [best(chosen, settings.REDIS_URL, rounds) for chosen in CHOSEN]
    for clear in found:
        print(
            f"clear of {clear.what}: {clear.keys:,} of {ALL:,} keys in {clear.seconds:.3f} s; "
            f"PING p99 {clear.p99:.1f} ms, longest {clear.longest:.1f} ms of {clear.pings}"
        )
    if any(clear.seconds > MOST_SECONDS or clear.p99 > MOST_PING for clear in found):
        raise SystemExit(f"a clear may take {MOST_SECONDS:g} s, and a PING meanwhile {MOST_PING:g} ms at p99")
    return found
