"""Hits while misses wait: 20 users alone, and beside 80 who wait for what a slow broker has to be asked for."""

from benchmarks.serving import crowd, granian, start_crowd, told
from benchmarks.stage import HOLDINGS, SITE, prepare
from broker.simulator import Simulator, SimulatorOptions

LATENCY, WAITING = 300, 80  # milliseconds that the broker takes; connections that ask for what is not there
MOST = 5.0  # times as long as alone, at the 99th percentile


def run() -> dict[str, float]:
    token = prepare()
    options = SimulatorOptions(port=0, limits=False, latency=LATENCY)
    with Simulator(options) as broker, granian(SITE, IIFL_BASE_URL=broker.base_url) as port:
        crowd(port, token, HOLDINGS, seconds=2.0)
        alone = crowd(port, token, HOLDINGS, seconds=5.0)
        missing = [f"/api/broker/orders/{number}" for number in range(100_000, 104_000)]
        others = start_crowd(port, token, *missing, connections=WAITING, seconds=8.0)
        beside = crowd(port, token, HOLDINGS, seconds=5.0)
        told(others)
    times = beside.p99 / alone.p99
    verdict = "holds" if times <= MOST and not beside.failures else "DOES NOT HOLD"
    print(
        f"hits of 20 users, p99: {alone.p99:.2f} ms; while {WAITING} others wait for a broker of {LATENCY} ms:", end=" "
    )
    print(f"{beside.p99:.2f} ms, {times:.1f} times, wanted at most {MOST:.0f}; {beside.failures} failed: {verdict}")
    return {"alone_p99": alone.p99, "beside_p99": beside.p99, "times": times}
