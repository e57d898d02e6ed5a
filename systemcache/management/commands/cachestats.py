"""Prints the cache's statistics."""

import json
import time
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandError, CommandParser

from systemcache import stats
from systemcache.management.explained import ExplainedCommand

# Heading, and what of a family's row stands below it.
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


class Command(ExplainedCommand):
    help = (
        "Show how well the cache does, per family and counted over all processes: hits (answered by Redis), near (by a "
        "process's own copy), misses, stale (old values, because the source failed), bypassed (Redis was not asked), "
        "loads with the seconds within which half and 95 % of them ended, errors, and waits (for another's load)."
    )
    examples = """
examples:
  manage.py cachestats                    a table
  manage.py cachestats --watch            the same, anew every 2 seconds, until Ctrl-C
  manage.py cachestats --json             for programs
  manage.py cachestats --fail-under 80    for scripts: exit status 1 when fewer than 80 % of reads were hits
"""

    sleep = staticmethod(time.sleep)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="as JSON; with --watch one line each time")
        parser.add_argument(
            "--watch", type=float, nargs="?", const=2.0, metavar="SECONDS", help="again and again (default: every 2)"
        )
        parser.add_argument(
            "--fail-under", type=float, metavar="PERCENT", help="exit with 1 when the hit rate is below this"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["watch"] is not None:
            if options["watch"] <= 0 or options["fail_under"] is not None:
                raise CommandError("--watch takes seconds above 0, and goes without --fail-under.")
            self._watch(options["watch"], as_json=options["json"])
            return
        snapshot = stats.snapshot()
        self._show(snapshot, as_json=options["json"])
        self._judge(snapshot, options["fail_under"])

    def _watch(self, seconds: float, *, as_json: bool) -> None:
        try:
            while True:
                if as_json:
                    self.stdout.write(json.dumps(stats.snapshot()))
                else:
                    self.stdout.write(CLEAR_SCREEN if self.stdout.isatty() else "", ending="")
                    self._show(stats.snapshot(), as_json=False)
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
        self.stdout.write(_aligned([["family", *COLUMNS], *rows]))
        self.stdout.write(f"\n{_summary(snapshot)}")

    def _judge(self, snapshot: dict[str, Any], least: float | None) -> None:
        rate = snapshot["hit_rate_percent"]
        if least is not None and (rate is None or rate < least):
            raise CommandError(f"The hit rate is {_cell(rate)} %, below {least:g} %.")


def _summary(snapshot: dict[str, Any]) -> str:
    return (
        f"Hit rate {_cell(snapshot['hit_rate_percent'])} % ({snapshot['hits']} hits, {snapshot['misses']} misses); "
        f"{snapshot['saved_calls']} calls to the broker saved; "
        f"Redis {'answers' if snapshot['connected'] else 'does not answer'}{_memory(snapshot['redis'])}, "
        f"breaker {snapshot['breaker']}"
    )


def _memory(redis: dict[str, Any]) -> str:
    if redis["used_memory"] is None:
        return ""
    return f" ({redis['used_memory'] / 1e6:.1f} MB used, {redis['evicted_keys']} keys evicted)"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}  "
        + "  ".join(f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    )


def _cell(value: float | None) -> str:
    return "-" if value is None else str(value)
