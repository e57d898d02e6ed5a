"""The cache's pages in the admin on a Redis of a million keys: how long each takes, and what it asks of Redis."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from time import perf_counter, time

from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client
from django_redis import get_redis_connection

from systemcache import families, tally
from systemcache.admin import overview
from systemcache.batches import Queue

KEYS, BATCH = 1_000_000, 2_000
DAY = 24 * 60  # minutes
MOST = 300.0  # milliseconds that a page may take
HOME = "/admin/systemcache/cache/"
PAGES = {
    "overview, the last day anew": HOME,
    "overview": HOME,
    "namespaces": f"{HOME}keys/",
    "a page of keys": f"{HOME}keys/?pattern=api:*",
    "a rare key looked for": f"{HOME}keys/?pattern=api:quotes:NSEEQ:S99999?",
    "one key": f"{HOME}key/?key=api:quotes:NSEEQ:S1",
    "a family": f"{HOME}families/quotes/",
}


@dataclass(frozen=True, slots=True)
class Page:
    """Milliseconds of an answer: the best round, the median, the slowest; what Redis answered for one."""

    name: str
    best: float
    median: float
    slowest: float
    commands: int
    kilobytes: float


def fill() -> None:
    """Past the embedded Redis's limit, which would evict most of it."""
    redis = get_redis_connection("default")
    redis.config_set("maxmemory", 0)
    start = f"{settings.CACHE_PREFIX}:api:quotes:NSEEQ:S"
    for first in range(0, KEYS, BATCH):
        redis.mset({f"{start}{number}": b"x" * 100 for number in range(first, first + BATCH)})


def fill_history() -> None:
    """Every family has counted something in each minute of the last day."""
    counts = {
        (family.name, event): 10
        for family in families.registered()
        for event in ("hits", "misses", "loads", "load_seconds")
    }
    queue, now = Queue(), int(time()) // 60
    for minute in range(now - DAY, now + 1):
        queue.put(counts, minute)
    while batch := queue.first():
        tally.add(batch)
        queue.done()


def measure(client: Client, name: str, address: str, rounds: int) -> Page:
    redis = get_redis_connection("default")
    client.get(address)
    before, spent = redis.info("stats"), []
    for _ in range(rounds):
        if name.endswith("anew"):
            overview.forget()
        started = perf_counter()
        answer = client.get(address)
        spent.append(1000 * (perf_counter() - started))
        if answer.status_code != 200:
            raise SystemExit(f"{address} answered {answer.status_code}")
    after = redis.info("stats")
    commands, sent = (
        (after[counter] - before[counter]) / rounds
        for counter in ("total_commands_processed", "total_net_output_bytes")
    )
    return Page(name, min(spent), statistics.median(spent), max(spent), round(commands), sent / 1024)


def run(rounds: int = 15) -> list[Page]:
    """Prints the figures; raises SystemExit when a page takes longer than it may. On the Redis of the settings."""
    fill()
    fill_history()
    client = Client(headers={"host": "localhost"})
    client.force_login(get_user_model().objects.get(username="bench"))
    found = [measure(client, name, address, rounds) for name, address in PAGES.items()]
    print(_row(f"admin, {KEYS:,} keys in Redis", ("best ms", "median", "slowest", "commands", "kB read")))
    for page in found:
        figures = (page.best, page.median, page.slowest, page.commands, page.kilobytes)
        print(_row(page.name, [f"{figure:.1f}".removesuffix(".0") for figure in figures]))
    # By the best round: what else the machine does is none of the pages' doing.
    if slow := [page.name for page in found if page.best > MOST]:
        raise SystemExit(f"these pages may take {MOST:g} ms: {', '.join(slow)}")
    return found


def _row(name: str, cells: Iterable[str]) -> str:
    return f"{name:32}" + "".join(f"{cell:>10}" for cell in cells)
