"""Measures a running site from outside, over kept-alive connections: a miss, a hit, and many clients at once."""

import http.client
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

TIMEOUT = 30.0  # seconds


class BenchmarkError(Exception):
    """The site did not answer, or not with 200."""


@dataclass(frozen=True, slots=True)
class TimedResponse:
    """How long one response took (milliseconds), and its X-Cache header."""

    milliseconds: float
    state: str


@dataclass(frozen=True, slots=True)
class Burst:
    """Many clients at once, each with one request; times in milliseconds."""

    total: float
    mean: float
    p95: float
    states: list[str]


class Client:
    """One connection to one URL, opened before anything is timed."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
        self._target = parts.path + (f"?{parts.query}" if parts.query else "")
        self._headers = {"Authorization": f"Token {token}", "Accept": "application/json"}
        try:
            self._connection.connect()
        except OSError as error:
            raise BenchmarkError(f"Nothing answers at {url} ({error}).") from error

    def get(self) -> TimedResponse:
        started = time.perf_counter()
        try:
            self._connection.request("GET", self._target, headers=self._headers)
            response = self._connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            raise BenchmarkError(f"The connection to the site failed ({error!r}).") from error
        milliseconds = 1000 * (time.perf_counter() - started)
        if response.status != http.HTTPStatus.OK:
            raise BenchmarkError(f"The site answered {response.status} to {self._target}.")
        return TimedResponse(milliseconds, response.headers.get("X-Cache", ""))

    def close(self) -> None:
        self._connection.close()


def miss_and_hit(
    url: str, token: str, clear_cache: Callable[[], object], rounds: int
) -> tuple[TimedResponse, TimedResponse]:
    """The median first and second response after `clear_cache`."""
    client = Client(url, token)
    misses, hits = [], []
    try:
        client.get()  # so that no miss includes what a server does once after it starts
        for _ in range(rounds):
            clear_cache()
            misses.append(client.get())
            hits.append(client.get())
    finally:
        client.close()
    return _median(misses), _median(hits)


def burst(url: str, token: str, clients: int) -> Burst:
    """Open `clients` connections and send one request on each at the same moment."""
    connections = [Client(url, token) for _ in range(clients)]
    start = threading.Barrier(clients + 1)

    def get(client: Client) -> TimedResponse:
        start.wait(TIMEOUT)
        return client.get()

    try:
        with ThreadPoolExecutor(clients) as pool:
            futures = [pool.submit(get, client) for client in connections]
            start.wait(TIMEOUT)
            started = time.perf_counter()
            responses = [future.result() for future in futures]
            total = 1000 * (time.perf_counter() - started)
    finally:
        for client in connections:
            client.close()
    times = sorted(response.milliseconds for response in responses)
    p95 = statistics.quantiles(times, n=20, method="inclusive")[-1]
    return Burst(total, statistics.fmean(times), p95, [response.state for response in responses])


def _median(responses: list[TimedResponse]) -> TimedResponse:
    return sorted(responses, key=lambda response: response.milliseconds)[len(responses) // 2]
