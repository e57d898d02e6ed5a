"""Drops cached values."""

import getpass
import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser

from systemcache import invalidation
from systemcache.errors import CacheError
from systemcache.invalidation import Cleared, Target
from systemcache.management.explained import ExplainedCommand
from systemcache.management.progress import Bar


class Command(ExplainedCommand):
    help = (
        "Drop cached values, so that the next read loads them anew. Say which ones by exactly one of PATTERN, --family "
        "and --tag. Only this site's own values are touched, every clear is on record in the admin, and nothing but "
        "time is lost. On a terminal it counts first and asks."
    )
    examples = """
examples:
  manage.py clearcache 'api:candles:RELIANCE:*'   one share's candles (quoted: the shell would expand the *)
  manage.py clearcache --family holdings          a family; `manage.py cachestats` lists them
  manage.py clearcache --tag candles:RELIANCE     all that carries a tag
  manage.py clearcache '*' --dry-run              how many values there are
  manage.py clearcache '*' --yes                  everything, without a question
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("pattern", nargs="?", metavar="PATTERN", help="a glob of keys; '*' is every cached value")
        parser.add_argument("--family", metavar="F", help="all values of a family, such as holdings")
        parser.add_argument("--tag", metavar="T", help="all values with a tag, such as candles:RELIANCE")
        parser.add_argument("--dry-run", action="store_true", help="only count what would be dropped")
        parser.add_argument("--yes", action="store_true", help="do not ask (as without a terminal)")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = {name: options[name] for name in ("pattern", "family", "tag") if options[name]}
        if len(chosen) != 1:
            raise CommandError("Give exactly one of PATTERN, --family, --tag ('*' for everything).")
        try:
            cleared = self._cleared(invalidation.target(**chosen), options["dry_run"], ask=not options["yes"])
        except CacheError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{cleared.keys} keys {'would be dropped' if cleared.dry_run else 'dropped'}")

    def _cleared(self, target: Target, dry_run: bool, *, ask: bool) -> Cleared:
        by = f"{getpass.getuser()} (command)"
        if dry_run:
            return invalidation.clear(target, by=by, dry_run=True)
        expected = None
        if ask and sys.stdin.isatty():
            expected = invalidation.clear(target, by=by, dry_run=True).keys
            self._ask(f"Drop {expected} keys of {target.what}?")
        bar = Bar(sys.stderr, expected)
        try:
            return invalidation.clear(target, by=by, progress=bar)
        finally:
            bar.end()

    def _ask(self, question: str) -> None:
        self.stdout.write(f"{question} [y/N] ", ending="")
        self.stdout.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise CommandError("Nothing was dropped.")
