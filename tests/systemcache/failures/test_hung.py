"""A hung Redis costs one short timeout per process, not one per call: measured over HTTP, one process, one caller."""

import re
import statistics
import time
from collections.abc import Iterator

import pytest

from tests.systemcache.failures.site import Process, Site

SLOW = 300.0  # milliseconds; the socket's timeout is 400
PATH = "/api/settings"
PERIOD = 2.0  # seconds for which the breaker leaves Redis alone
PERIODS = 4


@pytest.fixture
def alone(running: Site) -> Iterator[Process]:
    """A process of its own, answering from Redis."""
    process = running.another("alone")
    deadline = time.monotonic() + 20
    while process.ask("GET", PATH).headers["X-Cache"] != "hit":
        assert time.monotonic() < deadline
    yield process
    process.stop()


def timed(process: Process) -> tuple[float, float]:
    """Milliseconds that an answer took as its caller saw it, and those of them that went to Redis."""
    started = time.perf_counter()
    answer = process.ask("GET", PATH)
    took = 1000 * (time.perf_counter() - started)
    assert answer.status_code == 200
    redis = re.search(r"cache;dur=([\d.]+)", answer.headers["Server-Timing"])
    assert redis
    return took, float(redis[1])


def shown(times: list[tuple[float, float]]) -> str:
    ranked = sorted(took for took, _ in times)
    slow = [f"{took:.0f} ({redis:.0f} for Redis)" for took, redis in times if took > SLOW]
    return (
        f"{len(times)} requests: median {statistics.median(ranked):.1f} ms, p90 {ranked[int(0.9 * len(ranked))]:.1f}, "
        f"max {ranked[-1]:.1f}; slow: {', '.join(slow) or 'none'}"
    )


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_one_request_waits_for_a_hung_redis_and_no_other(running: Site, alone: Process) -> None:
    print(f"\nwith Redis well: {shown([timed(alone) for _ in range(20)])}")
    periods: list[list[tuple[float, float]]] = []
    running.redis.pause()
    try:
        for _ in range(PERIODS):
            periods.append([])
            ends = time.monotonic() + PERIOD
            while time.monotonic() < ends or len(periods[-1]) < 10:
                periods[-1].append(timed(alone))
                time.sleep(0.02)
    finally:
        running.redis.resume()
    for times in periods:
        print(f"with Redis hung, 2 s: {shown(times)}")
    waited = [[redis for _, redis in times if redis > SLOW] for times in periods]
    assert all(len(times) <= 1 for times in waited)
    assert sum(map(len, waited)) <= 1  # what tries Redis again is recovery, not a request
    assert sum(redis for times in periods for _, redis in times) < 1000
