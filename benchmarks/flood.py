"""Hits and cancels of people at work, through the shipped proxy: while the site is idle, and in a flood."""

import http.client
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, sleep

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from benchmarks.fixtures import HOLDINGS, prepare
from benchmarks.serving import crowd, result_of, start_crowd
from benchmarks.targets import Targets
from broker.simulator import Simulator, SimulatorOptions
from systemcache.models import ApiToken
from testservers.nginx import Nginx
from testservers.web_server import WebServer

SECONDS = 15.0
WORKERS, THREADS = 2, 64  # as in deploy/
USERS = 4  # who ask for their holdings all the time
SITE = {
    "LOG_LEVEL": "ERROR",
    "TRADING_ENABLED": "true",
    "TRUSTED_PROXIES": "127.0.0.1",
    "DJANGO_ALLOWED_HOSTS": "127.0.0.1",
}


def run(targets: Targets) -> dict[str, object]:
    token, viewers = prepare(), _viewers_token()
    with (
        tempfile.TemporaryDirectory() as folder,
        Simulator(SimulatorOptions(port=0)) as broker,
        WebServer(Path(folder), SITE | {"IIFL_BASE_URL": broker.base_url}, workers=WORKERS, threads=THREADS) as site,
        Nginx(Path(folder), site.port) as proxy,
    ):
        crowd(proxy.port, token, HOLDINGS, connections=USERS, seconds=2.0)
        idle = crowd(proxy.port, token, HOLDINGS, connections=USERS, seconds=SECONDS)
        flood = _start_flood(proxy.port, SECONDS + 10, viewers)
        sleep(5)  # until all of it has begun
        people = start_crowd(proxy.port, token, HOLDINGS, connections=USERS, seconds=SECONDS)
        cancels = _cancel_for(proxy.port, token, SECONDS)
        flooded = result_of(people)
        answers = json.loads(flood.communicate()[0])
        sent = sum(call.route == "cancelorder" for call in broker.calls)
    for what, times in sorted(answers.items()):
        print(f"{what:40}{times:>8}")
    print(f"hits, p99: {idle.p99:.2f} ms while idle, {flooded.p99:.2f} ms in the flood; {len(cancels)} cancels, the")
    print(f"slowest {max(cancels):.2f} s")
    targets.at_most("p99 of hits in the flood / while idle", flooded.p99 / idle.p99, 5.0)
    targets.at_most("hits that failed", flooded.failures, 0)
    targets.at_most("seconds of the slowest cancel", max(cancels), 1.0)
    targets.at_least("cancels that reached the broker / asked for", sent / len(cancels), 1.0)
    return {"idle_p99": idle.p99, "flooded_p99": flooded.p99, "slowest_cancel": max(cancels), "answers": answers}


def _viewers_token() -> str:
    viewer, _ = get_user_model().objects.get_or_create(username="viewer")
    viewer.user_permissions.add(Permission.objects.get(codename="view_account"))
    return ApiToken.issue(viewer, "flood")


def _start_flood(port: int, seconds: float, token: str) -> "subprocess.Popen[str]":
    """At low priority, because attackers have processors of their own."""
    command = ["nice", sys.executable, "-m", "benchmarks.flooding", str(port), str(seconds), token]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _cancel_for(port: int, token: str, seconds: float) -> list[float]:
    """Cancel an order twice a second; the seconds that each took. The broker knows none of them, and says so."""
    took: list[float] = []
    until = perf_counter() + seconds
    while perf_counter() < until:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        started = perf_counter()
        connection.request(
            "DELETE", f"/api/broker/orders/9{len(took):014}", headers={"Authorization": f"Token {token}"}
        )
        connection.getresponse().read()
        took.append(perf_counter() - started)
        connection.close()
        sleep(0.5)
    return took
