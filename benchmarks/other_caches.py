"""A cold herd at this cache and at two others that lock: the loads it causes, and how long callers wait after them."""

import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.targets import Targets
from testservers.redis_server import RedisServer

PROCESSES, THREADS, ROUNDS, SOURCE = 4, 25, 10, 0.3  # SOURCE: seconds that a load takes
LEAD = 0.4  # seconds from the order to the moment at which all ask
Load = Callable[[], list[int]]
Ask = Callable[[str, Load], Any]


def ours() -> Ask:
    from systemcache import families
    from systemcache.families import Family
    from systemcache.fetching.fetch import fetch

    family = Family("holdings", "bench:herd:{name}", list[int])
    families.unregister(families.named("holdings"))
    families.register(family)
    return lambda name, load: fetch(family, {"name": name}, load).value


def dogpile() -> Ask:
    from dogpile.cache import make_region

    region = make_region().configure(
        "dogpile.cache.redis",
        expiration_time=60,
        arguments={"url": os.environ["REDIS_URL"], "distributed_lock": True, "thread_local_lock": False},
    )
    return lambda name, load: region.get_or_create(name, load)


def cacheops() -> Ask:
    from cacheops import cached_as
    from django.contrib.auth.models import Group

    return lambda name, load: cached_as(Group, timeout=60, extra=name, lock=True)(load)()


SUBJECTS: dict[str, Callable[[], Ask]] = {"here": ours, "dogpile.cache": dogpile, "cacheops": cacheops}


def worker(subject: str, orders: Any, answers: Any) -> None:
    """One process: at each moment ordered, THREADS callers at once; tells when loads ended and callers returned."""
    import django

    os.environ |= {"DJANGO_SETTINGS_MODULE": "benchmarks.other_caches_settings", "BENCH_SUBJECT": subject}
    django.setup()
    ask = SUBJECTS[subject]()
    answers.put("ready")
    for name, moment in iter(orders.get, None):
        answers.put(_herd(ask, name, moment))


def _herd(ask: Ask, name: str, moment: float) -> tuple[list[float], list[float]]:
    loads: list[float] = []
    returned: list[float] = []

    def load() -> list[int]:
        time.sleep(SOURCE)
        loads.append(time.monotonic())
        return [1, 2, 3]

    def call() -> None:
        time.sleep(max(0.0, moment - time.monotonic()))
        ask(name, load)
        returned.append(time.monotonic())

    callers = [threading.Thread(target=call) for _ in range(THREADS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    return loads, returned


@dataclass(frozen=True, slots=True)
class Herd:
    """Loads a round; milliseconds from the first load's end to the last caller's return: median and worst round."""

    subject: str
    fewest: int
    most: int
    slowest_p50: float
    slowest_max: float


def measure(subject: str) -> Herd:
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    orders = [context.Queue() for _ in range(PROCESSES)]
    workers = [context.Process(target=worker, args=(subject, queue, answers)) for queue in orders]
    for process in workers:
        process.start()
    for _ in workers:
        answers.get(timeout=60)
    found = [_round(f"round{number}", orders, answers) for number in range(ROUNDS)]
    for queue in orders:
        queue.put(None)
    for process in workers:
        process.join(30)
    loads, slowest = [count for count, _ in found], [wait for _, wait in found]
    return Herd(subject, min(loads), max(loads), statistics.median(slowest), max(slowest))


def _round(name: str, orders: list[Any], answers: Any) -> tuple[int, float]:
    moment = time.monotonic() + LEAD
    for queue in orders:
        queue.put((name, moment))
    told = [answers.get(timeout=120) for _ in orders]
    ends = [end for loads, _ in told for end in loads]
    last = max(moment for _, returned in told for moment in returned)
    return len(ends), 1000 * max(0.0, last - min(ends))


def run(targets: Targets) -> list[dict[str, Any]]:
    """A row for each, all on one Redis of their own."""
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder) / "redis") as redis:
        os.environ |= {"REDIS_URL": redis.url, "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3"}
        os.environ.setdefault("DJANGO_SECRET_KEY", "benchmark")
        print(f"cold herd, {PROCESSES} x {THREADS} callers, a load takes {1000 * SOURCE:.0f} ms, {ROUNDS} rounds")
        print(f"{'':16}{'loads':>9}{'slowest after the first load, ms: p50':>42}{'max':>8}", flush=True)
        found = [measure(subject) for subject in SUBJECTS]
    for row in found:
        print(f"{row.subject:16}{row.fewest:>6}-{row.most:<6}{row.slowest_p50:>38.1f}{row.slowest_max:>9.1f}")
    own, *others = found
    targets.at_most("loads of a cold herd", own.most, 1)
    for other in others:
        ratio = own.slowest_p50 / other.slowest_p50
        targets.at_most(f"how long the slowest caller waits after the load / at {other.subject}", ratio, 1.0)
    return [asdict(row) for row in found]
