"""Measures this site and compares it with the FastAPI baseline."""

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

from systemcache.errors import StoreUnavailable
from systemcache.management.base import QuickCommand
from systemcache.models import ApiToken
from systemcache.operations import benchmark
from systemcache.stats import counters
from systemcache.storage import scan, totals

# Figures of the baseline, the earlier FastAPI version with Redis: milliseconds and percent.
BASELINE = {
    "first": 44.68,
    "second": 2.83,
    "speedup": 15.8,
    "total_20": 694.0,
    "mean_20": 34.71,
    "hit_rate_20": 95.45,
}
CONCURRENCY = (20, 100)
START_TIMEOUT = 30.0  # seconds


class Command(QuickCommand):
    help = (
        "Measure a miss, a hit, and 20 and 100 clients at once, next to the figures of the FastAPI baseline. Without "
        "--url the command starts its own web server, on this site's database and Redis."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", help="URL of a running site, such as http://127.0.0.1:8000")
        parser.add_argument("--path", default="/api/watchlist", help="path to request (default: %(default)s)")
        parser.add_argument(
            "--pattern", default="db:watchlist:*", help="keys to clear before each miss (default: %(default)s)"
        )
        parser.add_argument(
            "--rounds", type=int, default=20, help="repetitions of each measurement (default: %(default)s)"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

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
            self.stdout.write(json.dumps({"figures": figures, "earlier": BASELINE}, indent=2))
        else:
            self._write_table(figures, options["path"])

    def _write_table(self, figures: dict[str, float], path: str) -> None:
        rows = [("First call (miss), ms", "first"), ("Second call (hit), ms", "second"), ("Speed-up", "speedup")]
        for clients in CONCURRENCY:
            rows += [
                (f"{clients} at once: total, ms", f"total_{clients}"),
                (f"{clients} at once: mean, ms", f"mean_{clients}"),
                (f"{clients} at once: p95, ms", f"p95_{clients}"),
                (f"{clients} at once: hit rate, %", f"hit_rate_{clients}"),
            ]
        self.stdout.write(f"{'GET ' + path:30}{'here':>12}{'baseline':>12}")
        for label, name in rows:
            baseline = f"{BASELINE[name]:.2f}" if name in BASELINE else "-"
            self.stdout.write(f"{label:30}{figures[name]:>12.2f}{baseline:>12}")


def measure(url: str, token: str, pattern: str, rounds: int) -> dict[str, float]:
    """Medians over the rounds, in milliseconds. The hit rate covers a miss, a hit and a burst, as in the baseline."""

    def clear_cache() -> None:
        for page in scan.scan(pattern):
            scan.delete(page)

    totals.info()  # raises StoreUnavailable: without Redis there is no hit to measure
    first, second = benchmark.miss_and_hit(url, token, clear_cache, rounds)
    figures = {
        "first": first.milliseconds,
        "second": second.milliseconds,
        "speedup": first.milliseconds / second.milliseconds,
    }
    for clients in CONCURRENCY:
        bursts = [benchmark.burst(url, token, clients) for _ in range(rounds)]
        states = [first.state, second.state, *bursts[0].states]
        figures |= {
            f"total_{clients}": statistics.median(burst.total for burst in bursts),
            f"mean_{clients}": statistics.median(burst.mean for burst in bursts),
            f"p95_{clients}": statistics.median(burst.p95 for burst in bursts),
            f"hit_rate_{clients}": counters.hit_rate(states.count("hit"), states.count("miss")) or 0.0,
        }
    return figures


@contextmanager
def _token() -> Iterator[str]:
    """A temporary token of a superuser."""
    user = get_user_model().objects.filter(is_superuser=True, is_active=True).first()
    if user is None:
        raise CommandError("The benchmark needs a superuser; create one with `manage.py createsuperuser`.")
    token = ApiToken.issue(user, "benchcache")
    try:
        yield token
    finally:
        ApiToken.objects.get(digest=ApiToken.digest_of(token)).delete()


@contextmanager
def _site(url: str | None) -> Iterator[str]:
    """The given site, or a web server started here on a free port."""
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
            with urlopen(f"{url}/api/system/health", timeout=5):  # noqa: S310 - a loopback address # nosec B310
                return
        except OSError:
            time.sleep(0.05)
    raise CommandError("The web server did not start; its own message is above.")
