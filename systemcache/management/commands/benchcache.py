"""Measures this site as its forerunner was measured, and prints both."""

import json
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import urlopen

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError

from systemcache import benchmark, scanning, stats, tally
from systemcache.errors import StoreUnavailable
from systemcache.management.quick import QuickCommand
from systemcache.models import ApiToken

# What the forerunner (FastAPI with Redis) measured: milliseconds, and percent.
EARLIER = {
    "first": 44.68,
    "second": 2.83,
    "speedup": 15.8,
    "total_20": 694.0,
    "mean_20": 34.71,
    "hit_rate_20": 95.45,
}
BURSTS = (20, 100)
START_TIMEOUT = 30.0  # seconds


class Command(QuickCommand):
    help = (
        "Measure a miss, a hit, and 20 and 100 callers at once, beside the forerunner's figures. "
        "Without --url a web server of its own is started, on this site's database and Redis."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", help="a running site, such as http://127.0.0.1:8000")
        parser.add_argument("--path", default="/api/watchlist", help="what is asked for (default: %(default)s)")
        parser.add_argument(
            "--pattern", default="db:watchlist:*", help="what is cleared before each miss (default: %(default)s)"
        )
        parser.add_argument("--rounds", type=int, default=20, help="how often each is measured (default: %(default)s)")
        parser.add_argument("--json", action="store_true", help="as JSON, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["rounds"] < 1:
            raise CommandError("--rounds must be 1 or more.")
        try:
            with _site(options["url"]) as site, _token() as token:
                figures = measure(site + options["path"], token, options["pattern"], options["rounds"])
        except (benchmark.BenchmarkError, StoreUnavailable) as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(f"The database cannot be used: {error}; run `manage.py migrate`.") from error
        if options["json"]:
            self.stdout.write(json.dumps({"figures": figures, "earlier": EARLIER}, indent=2))
        else:
            self._table(figures, options["path"])

    def _table(self, figures: dict[str, float], path: str) -> None:
        rows = [("First call (miss), ms", "first"), ("Second call (hit), ms", "second"), ("Speed-up", "speedup")]
        for callers in BURSTS:
            rows += [
                (f"{callers} at once: total, ms", f"total_{callers}"),
                (f"{callers} at once: mean, ms", f"mean_{callers}"),
                (f"{callers} at once: p95, ms", f"p95_{callers}"),
                (f"{callers} at once: hit rate, %", f"hit_rate_{callers}"),
            ]
        self.stdout.write(f"{'GET ' + path:30}{'here':>12}{'earlier':>12}")
        for label, name in rows:
            earlier = f"{EARLIER[name]:.2f}" if name in EARLIER else "-"
            self.stdout.write(f"{label:30}{figures[name]:>12.2f}{earlier:>12}")


def measure(url: str, token: str, pattern: str, rounds: int) -> dict[str, float]:
    """Medians over the rounds, in milliseconds. The hit rate is that of a miss, a hit and the callers, as then."""

    def forget() -> None:
        for page in scanning.scan(pattern):
            scanning.delete(page)

    tally.info()  # without Redis there is no hit to measure
    first, second = benchmark.miss_and_hit(url, token, forget, rounds)
    figures = {
        "first": first.milliseconds,
        "second": second.milliseconds,
        "speedup": first.milliseconds / second.milliseconds,
    }
    for callers in BURSTS:
        bursts = [benchmark.burst(url, token, callers) for _ in range(rounds)]
        states = [first.state, second.state, *bursts[0].states]
        figures |= {
            f"total_{callers}": statistics.median(burst.total for burst in bursts),
            f"mean_{callers}": statistics.median(burst.mean for burst in bursts),
            f"p95_{callers}": statistics.median(burst.p95 for burst in bursts),
            f"hit_rate_{callers}": stats.rate(states.count("hit"), states.count("miss")) or 0.0,
        }
    return figures


@contextmanager
def _token() -> Iterator[str]:
    """A token of an administrator's, which is gone afterwards."""
    user = get_user_model().objects.filter(is_superuser=True, is_active=True).first()
    if user is None:
        raise CommandError("There is no administrator to ask as; make one with `manage.py createsuperuser`.")
    token = ApiToken.issue(user, "benchcache")
    try:
        yield token
    finally:
        ApiToken.objects.get(digest=ApiToken.digest_of(token)).delete()


@contextmanager
def _site(url: str | None) -> Iterator[str]:
    """The given site, else a web server of our own on a free port."""
    if url:
        yield url.rstrip("/")
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    application = ":".join(settings.WSGI_APPLICATION.rsplit(".", 1))
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", port]
    command += ["--blocking-threads", str(settings.WEB_THREADS), "--log-level", "error", application]
    server = subprocess.Popen(command, cwd=settings.BASE_DIR)
    try:
        _wait_until_up(server, f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(START_TIMEOUT)


def _wait_until_up(server: "subprocess.Popen[bytes]", url: str) -> None:
    end = time.monotonic() + START_TIMEOUT
    while time.monotonic() < end and server.poll() is None:
        try:
            with urlopen(f"{url}/api/system/health", timeout=5):  # noqa: S310 - our own loopback address
                return
        except OSError:
            time.sleep(0.05)
    raise CommandError("The web server did not start; its message stands above.")
