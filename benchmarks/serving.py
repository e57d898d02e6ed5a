"""The site and what it is measured beside, each as a server of its own; and crowds of callers."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from signal import SIGTERM

from tradingsite.embedded_redis import die_with_parent

START_TIMEOUT = 60.0  # seconds
THREADS = "128"


@dataclass(frozen=True)
class Crowd:
    """What a crowd has seen: answers a second, milliseconds of an answer, answers that were not 200, and stale ones."""

    per_second: float
    p50: float
    p99: float
    failures: int
    stale: int


@contextmanager
def granian(application: str, **variables: str) -> Iterator[int]:
    """One worker, as `make run` has it; its port."""
    port = free_port()
    command = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--http", "1", "--workers", "1"),
        *("--host", "127.0.0.1", "--port", str(port), "--log-level", "error", "--blocking-threads", THREADS),
        application,
    ]
    with served(command, port, {"LOG_LEVEL": "ERROR", **variables}):
        yield port


@contextmanager
def uvicorn(application: str, **variables: str) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--port", str(port), "--log-level", "error", application]
    with served(command, port, variables):
        yield port


@contextmanager
def served(command: list[str], port: int, variables: Mapping[str, str]) -> Iterator[None]:
    server = subprocess.Popen(command, env={**os.environ, **variables}, preexec_fn=die_with_parent(SIGTERM))
    try:
        wait_until_open(port, server)
        yield
    finally:
        server.terminate()
        server.wait(20)


def wait_until_open(port: int, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while server.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"no server on port {port}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def crowd(port: int, token: str, *words: str, connections: int = 20, seconds: float = 3.0) -> Crowd:
    """`words`: what is asked for, see workloads.py."""
    return told(start_crowd(port, token, *words, connections=connections, seconds=seconds))


def start_crowd(port: int, token: str, *words: str, connections: int, seconds: float) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "benchmarks.load", str(port), str(connections), str(seconds), token, *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def told(crowd: "subprocess.Popen[str]") -> Crowd:
    out, _ = crowd.communicate()
    return Crowd(**json.loads(out))
