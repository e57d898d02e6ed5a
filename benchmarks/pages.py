"""The cache's pages in the admin with a million keys in Redis: how long each takes, and what it asks of Redis."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from time import perf_counter, time

from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client
from django_redis import get_redis_connection

from benchmarks.targets import Targets
from systemcache import families
from systemcache.admin import overview
from systemcache.stats import counters
from systemcache.stats.batches import BatchQueue

FEW, MANY, BATCH = 2_000, 1_000_000, 2_000
ROUNDS = 15
DAY = 24 * 60  # minutes
SLOWDOWN = 5.0  # how many times as long as with few keys a page may take with many
HOME = "/admin/systemcache/cache/"
PAGES = {
    "overview, its day read again": HOME,
    "overview": HOME,
    "namespaces": f"{HOME}keys/",
    "a page of keys": f"{HOME}keys/?pattern=api:*",
    "a search for a rare key": f"{HOME}keys/?pattern=api:quotes:NSEEQ:S199?",
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


def fill(keys: int) -> None:
    """Put this many values into Redis, past the limit of an embedded one, which would evict most of them."""
    redis = get_redis_connection("default")
    redis.config_set("maxmemory", 0)
    start = f"{settings.CACHE_PREFIX}:api:quotes:NSEEQ:S"
    for first in range(0, keys, BATCH):
        redis.mset({f"{start}{number}": b"x" * 100 for number in range(first, first + BATCH)})


def fill_history() -> None:
    """Count something for every family in each minute of the last day."""
    counts = {
        (family.name, event): 10
        for family in families.registered()
        for event in ("hits", "misses", "loads", "load_seconds")
    }
    queue, now = BatchQueue(), int(time()) // 60
    for minute in range(now - DAY, now + 1):
        queue.put(counts, minute)
    while batch := queue.next_batch():
        counters.add_batch(batch)
        queue.confirm()


def measure(client: Client, name: str, address: str) -> Page:
    redis = get_redis_connection("default")
    client.get(address)
    before, spent = redis.info("stats"), []
    for _ in range(ROUNDS):
        if name.endswith("again"):
            overview.history_cache.reset()
        started = perf_counter()
        answer = client.get(address)
        spent.append(1000 * (perf_counter() - started))
        if answer.status_code != 200:
            raise RuntimeError(f"{address} answered {answer.status_code}")
    after = redis.info("stats")
    commands, sent = (
        (after[counter] - before[counter]) / ROUNDS
        for counter in ("total_commands_processed", "total_net_output_bytes")
    )
    return Page(name, min(spent), statistics.median(spent), max(spent), round(commands), sent / 1024)


def run(targets: Targets) -> list[Page]:
    fill_history()
    client = Client(headers={"host": "localhost"})
    client.force_login(get_user_model().objects.get(username="bench"))
    fill(FEW)
    small = [measure(client, name, address) for name, address in PAGES.items()]
    fill(MANY)
    large = [measure(client, name, address) for name, address in PAGES.items()]
    print(_row(f"admin, {MANY:,} keys in Redis", ("best ms", "median", "slowest", "commands", "kB read")))
    for page in large:
        figures = (page.best, page.median, page.slowest, page.commands, page.kilobytes)
        print(_row(page.name, [f"{figure:.1f}".removesuffix(".0") for figure in figures]))
    # The best rounds are compared, which leaves out what else the machine does.
    for few, many in zip(small, large, strict=True):
        targets.at_most(f"{many.name}: with {MANY:,} keys / with {FEW:,}", many.best / few.best, SLOWDOWN)
    return large


def _row(name: str, cells: Iterable[str]) -> str:
    return f"{name:32}" + "".join(f"{cell:>10}" for cell in cells)
