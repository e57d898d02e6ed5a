"""Prints the cache's statistics."""

import json
import time
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandError, CommandParser

from systemcache.management.base import DocumentedCommand
from systemcache.stats import counters

# Column heading, and the field of a family's row below it.
COLUMNS = {
    "hits": "hits",
    "near": "near_hits",
    "misses": "misses",
    "hit %": "hit_rate_percent",
    "stale": "stale",
    "bypassed": "bypasses",
    "loads": "loads",
    "p50 s": "load_p50",
    "p95 s": "load_p95",
    "errors": "load_errors",
    "waits": "waits",
}
CLEAR_SCREEN = "\x1b[H\x1b[2J"


class Command(DocumentedCommand):
    help = (
        "Show cache statistics per family, summed over all processes: hits (answered by Redis), near (answered by a "
        "near copy in the process), misses, stale (old values served because the source failed), bypassed (reads "
        "without Redis), loads with their median and 95th percentile in seconds, load errors, and waits (misses "
        "answered by another caller's load)."
    )
    examples = """
examples:
  manage.py cachestats                    a table
  manage.py cachestats --watch            refresh the table every 2 seconds, until Ctrl-C
  manage.py cachestats --json             for programs
  manage.py cachestats --fail-under 80    for scripts: exit status 1 if the hit rate is below 80 %
"""

    sleep = staticmethod(time.sleep)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON; with --watch one line each time")
        parser.add_argument(
            "--watch", type=float, nargs="?", const=2.0, metavar="SECONDS", help="repeat every SECONDS (default: 2)"
        )
        parser.add_argument(
            "--fail-under", type=float, metavar="PERCENT", help="exit with status 1 if the hit rate is below PERCENT"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["watch"] is not None:
            if options["watch"] <= 0 or options["fail_under"] is not None:
                raise CommandError("--watch needs more than 0 seconds and cannot be combined with --fail-under.")
            self._watch(options["watch"], as_json=options["json"])
            return
        snapshot = counters.snapshot()
        self._show(snapshot, as_json=options["json"])
        rate, minimum = snapshot["hit_rate_percent"], options["fail_under"]
        if minimum is not None and (rate is None or rate < minimum):
            raise CommandError(f"The hit rate is {_cell(rate)} %, below {minimum:g} %.")

    def _watch(self, seconds: float, *, as_json: bool) -> None:
        try:
            while True:
                if as_json:
                    self.stdout.write(json.dumps(counters.snapshot()))
                else:
                    self.stdout.write(CLEAR_SCREEN if self.stdout.isatty() else "", ending="")
                    self._show(counters.snapshot(), as_json=False)
                self.stdout.flush()
                self.sleep(seconds)
        except KeyboardInterrupt:
            return

    def _show(self, snapshot: dict[str, Any], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(snapshot, indent=2))
            return
        rows = [
            [family, *(_cell(row[field]) for field in COLUMNS.values())] for family, row in snapshot["families"].items()
        ]
        self.stdout.write(_format_table([["family", *COLUMNS], *rows]))
        self.stdout.write(f"\n{_summary(snapshot)}")


def _summary(snapshot: dict[str, Any]) -> str:
    return (
        f"Hit rate {_cell(snapshot['hit_rate_percent'])} % ({snapshot['hits']} hits, {snapshot['misses']} misses); "
        f"{snapshot['saved_calls']} source calls saved; "
        f"Redis {'answers' if snapshot['connected'] else 'does not answer'}{_memory(snapshot['redis'])}, "
        f"breaker {snapshot['breaker']}"
    )


def _memory(redis: dict[str, Any]) -> str:
    if redis["used_memory"] is None:
        return ""
    return f" ({redis['used_memory'] / 1e6:.1f} MB used, {redis['evicted_keys']} keys evicted)"


def _format_table(rows: Sequence[Sequence[str]]) -> str:
    """Align the first column left and the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}  "
        + "  ".join(f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    )


def _cell(value: float | None) -> str:
    return "-" if value is None else str(value)
