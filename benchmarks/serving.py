"""The site and what it is measured beside, each as a server of its own; and crowds of callers."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from testservers.ports import free_port
from testservers.processes import Program
from testservers.project import ROOT
from testservers.web_server import SITE, WebServer

THREADS = 128


@dataclass(frozen=True)
class Crowd:
    """What a crowd has seen: answers a second, milliseconds of an answer, answers that were not 200, and stale ones."""

    per_second: float
    p50: float
    p99: float
    failures: int
    stale: int


@contextmanager
def granian(application: str = SITE, *, ready: str = "/api/system/health", **variables: str) -> Iterator[int]:
    """One worker, as `make run` has it; its port."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"LOG_LEVEL": "ERROR", **variables}
        with WebServer(Path(folder), environment, application=application, ready=ready, threads=THREADS) as server:
            yield server.port


def reference(ready: str, **variables: str) -> AbstractContextManager[int]:
    """The same server with the views of `reference.py`."""
    variables |= {"DJANGO_SETTINGS_MODULE": "benchmarks.reference_settings"}
    return granian("benchmarks.reference:application", ready=ready, **variables)


@contextmanager
def uvicorn(application: str, **variables: str) -> Iterator[int]:
    """One worker; its port."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--port", str(port), "--log-level", "error", application]
    with (
        tempfile.TemporaryDirectory() as folder,
        Program(command, log=Path(folder) / "log", cwd=ROOT, environment={**os.environ, **variables}) as server,
    ):
        server.wait_until(lambda: _answers(port))
        yield port


def _answers(port: int) -> bool:
    try:
        requests.get(f"http://127.0.0.1:{port}/", timeout=5)
    except requests.ConnectionError:
        return False
    return True


def crowd(port: int, token: str, *words: str, connections: int = 20, seconds: float = 3.0) -> Crowd:
    """`words`: what is asked for, see workloads.py."""
    return result_of(start_crowd(port, token, *words, connections=connections, seconds=seconds))


def start_crowd(port: int, token: str, *words: str, connections: int, seconds: float) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "benchmarks.load", str(port), str(connections), str(seconds), token, *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def result_of(crowd: "subprocess.Popen[str]") -> Crowd:
    out, _ = crowd.communicate()
    return Crowd(**json.loads(out))
