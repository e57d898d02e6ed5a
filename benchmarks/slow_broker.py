"""Hits while misses wait: 20 users alone, and beside 80 that wait for answers of a slow broker."""

from benchmarks.fixtures import HOLDINGS, prepare
from benchmarks.serving import crowd, granian, result_of, start_crowd
from benchmarks.targets import Targets
from broker.simulator import Simulator, SimulatorOptions

LATENCY, WAITING = 300, 80  # milliseconds that the broker takes; connections that ask for uncached values


def run(targets: Targets) -> dict[str, float]:
    token = prepare()
    options = SimulatorOptions(port=0, limits=False, latency=LATENCY)
    with Simulator(options) as broker, granian(IIFL_BASE_URL=broker.base_url) as port:
        crowd(port, token, HOLDINGS, seconds=2.0)
        alone = crowd(port, token, HOLDINGS, seconds=5.0)
        missing = [f"/api/broker/orders/{number}" for number in range(100_000, 104_000)]
        others = start_crowd(port, token, *missing, connections=WAITING, seconds=8.0)
        beside = crowd(port, token, HOLDINGS, seconds=5.0)
        result_of(others)
    print(f"hits of 20 users, p99: {alone.p99:.2f} ms; beside {WAITING} that wait {LATENCY} ms: {beside.p99:.2f} ms")
    targets.at_most("p99 beside callers that wait / alone", beside.p99 / alone.p99, 5.0)
    targets.at_most("hits that failed", beside.failures, 0)
    return {"alone_p99": alone.p99, "beside_p99": beside.p99}
