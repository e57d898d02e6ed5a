"""Measures a running site from outside: a miss, a hit, and many callers at once, over kept-alive connections."""

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
    """The site did not answer as a benchmark needs it."""


@dataclass(frozen=True, slots=True)
class Timed:
    """One answer: how long it took (milliseconds) and what its X-Cache said."""

    milliseconds: float
    state: str


@dataclass(frozen=True, slots=True)
class Burst:
    """Many callers at once, each with one request; milliseconds."""

    total: float
    mean: float
    p95: float
    states: list[str]


class Caller:
    """One connection to one address, opened before anything is timed."""

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

    def ask(self) -> Timed:
        started = time.perf_counter()
        try:
            self._connection.request("GET", self._target, headers=self._headers)
            response = self._connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            raise BenchmarkError(f"The site broke off ({error!r}).") from error
        took = 1000 * (time.perf_counter() - started)
        if response.status != http.HTTPStatus.OK:
            raise BenchmarkError(f"The site answered {response.status} to {self._target}.")
        return Timed(took, response.headers.get("X-Cache", ""))

    def close(self) -> None:
        self._connection.close()


def miss_and_hit(url: str, token: str, forget: Callable[[], object], rounds: int) -> tuple[Timed, Timed]:
    """The median first and second call after `forget` has emptied the cache."""
    caller = Caller(url, token)
    firsts, seconds = [], []
    try:
        caller.ask()  # what a server does once after its start is nobody's miss
        for _ in range(rounds):
            forget()
            firsts.append(caller.ask())
            seconds.append(caller.ask())
    finally:
        caller.close()
    return _median(firsts), _median(seconds)


def burst(url: str, token: str, callers: int) -> Burst:
    """`callers` connections, one request each, all let go at the same moment."""
    connections = [Caller(url, token) for _ in range(callers)]
    start = threading.Barrier(callers + 1)

    def one(caller: Caller) -> Timed:
        start.wait(TIMEOUT)
        return caller.ask()

    try:
        with ThreadPoolExecutor(callers) as pool:
            futures = [pool.submit(one, caller) for caller in connections]
            start.wait(TIMEOUT)
            began = time.perf_counter()
            answers = [future.result() for future in futures]
            total = 1000 * (time.perf_counter() - began)
    finally:
        for caller in connections:
            caller.close()
    times = sorted(answer.milliseconds for answer in answers)
    p95 = statistics.quantiles(times, n=20, method="inclusive")[-1]
    return Burst(total, statistics.fmean(times), p95, [answer.state for answer in answers])


def _median(answers: list[Timed]) -> Timed:
    return sorted(answers, key=lambda answer: answer.milliseconds)[len(answers) // 2]
