"""Prints the cache's statistics."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from systemcache import stats

COLUMNS = ("hits", "misses", "hit_rate_percent", "loads", "load_seconds", "load_errors", "waits", "bypasses")


class Command(BaseCommand):
    help = "Show hits, misses and loads per family, counted over all processes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="as JSON, for programs")
        parser.add_argument(
            "--fail-under", type=float, metavar="PERCENT", help="exit with 1 when the hit rate is below this"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        snapshot = stats.snapshot()
        if options["json"]:
            self.stdout.write(json.dumps(snapshot, indent=2))
        else:
            self._table(snapshot)
        self._judge(snapshot, options["fail_under"])

    def _table(self, snapshot: dict[str, Any]) -> None:
        self.stdout.write(f"{'family':18}" + "".join(f"{name:>17}" for name in COLUMNS))
        for family, row in snapshot["families"].items():
            self.stdout.write(f"{family:18}" + "".join(f"{_cell(row[name]):>17}" for name in COLUMNS))
        self.stdout.write(
            f"\nHit rate {_cell(snapshot['hit_rate_percent'])} % "
            f"({snapshot['hits']} hits, {snapshot['misses']} misses); "
            f"Redis {'answers' if snapshot['connected'] else 'does not answer'}, breaker {snapshot['breaker']}"
        )

    def _judge(self, snapshot: dict[str, Any], least: float | None) -> None:
        rate = snapshot["hit_rate_percent"]
        if least is not None and (rate is None or rate < least):
            raise CommandError(f"The hit rate is {_cell(rate)} %, below {least:g} %.")


def _cell(value: float | None) -> str:
    return "-" if value is None else str(value)
