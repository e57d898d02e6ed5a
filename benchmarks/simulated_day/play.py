"""Plays a day and judges it."""

import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import requests

from benchmarks.simulated_day import answers, broker_calls, resources, timetable
from benchmarks.simulated_day.absences import Absences
from benchmarks.simulated_day.answers import Day, Line
from benchmarks.simulated_day.broker_calls import Clocks
from benchmarks.simulated_day.crowd import Order, Report
from benchmarks.simulated_day.director import Played, play
from benchmarks.simulated_day.samples import Sampler
from benchmarks.simulated_day.servers import Servers, running
from benchmarks.simulated_day.timetable import SPEED
from benchmarks.simulated_day.verdicts import Verdict
from testservers.project import ROOT
from testservers.web_server import manage

STILL = 4.0  # seconds of samples before the crowd comes
GOES = 45.0  # and after it has gone: Granian lets idle threads go after 30
LAST_ANSWERS = 90.0


@dataclass(frozen=True)
class Outcome:
    verdicts: list[Verdict]
    routes: list[Line]
    phases: list[Line]

    @property
    def holds(self) -> bool:
        return all(verdict.holds for verdict in self.verdicts)


def played_day(folder: Path, *, seconds: float, users: int, postgres: str | None = None) -> Outcome:
    """On servers whose files lie in `folder`. A short day says nothing about memory and what stays open."""
    whole = seconds >= timetable.SHORTEST_WHOLE
    ttls, variables = compressed()
    with running(folder, users, variables, postgres) as servers:
        sampler = Sampler(servers)
        time.sleep(STILL)
        began = time.monotonic()
        servers.mark()
        report, played = _crowded(servers, folder, began, seconds)
        ended = began + seconds
        time.sleep(GOES if whole else 0)
        sampler.stop()
        (folder / "samples.json").write_bytes(msgspec.json.encode(sampler.taken))
        day = Day(report.seen, played, began, ended, ttls, Absences.of(servers.site.output))
        verdicts = [
            *answers.judged(day),
            *(resources.judged(sampler.taken, began, ended) if whole else ()),
            *_at_the_broker(servers, report, day),
            _log(servers),
            resources.beside(sampler.taken, began, ended),
        ]
    return Outcome(verdicts, answers.by_route(day), answers.by_phase(day))


def compressed() -> tuple[dict[str, int], dict[str, str]]:
    """Each family's TTL as fast as the market, a second at least; and the variables that say so to the site."""
    from tradingsite import settings

    ttls = {name: max(1, round(seconds / SPEED)) for name, seconds in settings.CACHE_TTLS.items()}
    stale = {name: round(seconds / SPEED) for name, seconds in settings.CACHE_STALE.items()}
    variables = {f"CACHE_TTL_{name.upper()}": str(value) for name, value in ttls.items()}
    return ttls, variables | {f"CACHE_STALE_{name.upper()}": str(value) for name, value in stale.items()}


def _crowded(servers: Servers, folder: Path, began: float, seconds: float) -> tuple[Report, list[Played]]:
    file = folder / "seen.json"
    order = Order(servers.port, began + seconds, servers.people, str(file))
    crowd = subprocess.Popen([sys.executable, "-m", "benchmarks.simulated_day.crowd"], cwd=ROOT, stdin=subprocess.PIPE)
    try:
        assert crowd.stdin
        crowd.stdin.write(msgspec.json.encode(order))
        crowd.stdin.close()
        played = play(servers, timetable.of(seconds), began)
        crowd.wait(max(0.0, began + seconds - time.monotonic()) + LAST_ANSWERS)
    finally:
        crowd.kill()
    return msgspec.json.decode(file.read_bytes(), type=Report), played


def _at_the_broker(servers: Servers, report: Report, day: Day) -> list[Verdict]:
    calls: Any = servers.control("GET", "calls")["calls"]
    mark = next(call for call in calls if call["path"].endswith("/mark"))
    clocks = Clocks(datetime.fromisoformat(mark["at"]), day.began)
    manage("clearcache", "--family", "orders", environment=servers.environment)
    token = next(person["token"] for person in servers.people if person["kind"] == "trader")
    book = _book(servers.port, token)
    return [
        *broker_calls.judged(calls, clocks, day.played, day.absences),
        *broker_calls.orders(report.placed, book),
    ]


def _book(port: int, token: str) -> list[Mapping[str, Any]]:
    headers = {"Authorization": f"Token {token}", "Accept": "application/json"}
    answer = requests.get(f"http://127.0.0.1:{port}/api/broker/orders", headers=headers, timeout=60)
    answer.raise_for_status()
    book: list[Mapping[str, Any]] = answer.json()["data"]
    return book


def _log(servers: Servers) -> Verdict:
    lines = servers.site.output.splitlines()
    found = [number for number, line in enumerate(lines) if line.startswith("Traceback")]
    examples = tuple("\n".join(lines[max(0, number - 1) : number + 40]) for number in found[:3])
    return Verdict("no traceback in the site's log", f"{len(found)} in {len(lines)} lines", not found, examples)
