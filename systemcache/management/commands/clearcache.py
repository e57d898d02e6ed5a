"""Clears cached values."""

import getpass
import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser

from systemcache.errors import CacheError
from systemcache.invalidation import clear
from systemcache.invalidation.clear import ClearResult, Target
from systemcache.management.base import DocumentedCommand
from systemcache.management.progress import ProgressBar


class Command(DocumentedCommand):
    help = (
        "Clear cached values, so that the next read loads them again. Select them by exactly one of PATTERN, --family "
        "and --tag. Only this site's own keys are touched, and every clear is recorded in the admin. On a terminal the "
        "command counts the values first and asks for confirmation."
    )
    examples = """
examples:
  manage.py clearcache 'api:candles:RELIANCE:*'   one share's candles (quoted: the shell would expand the *)
  manage.py clearcache --family holdings          a family; `manage.py cachestats` lists them
  manage.py clearcache --tag candles:RELIANCE     every value with this tag
  manage.py clearcache --family candles --soft    load each again, keep the old one in case its source fails
  manage.py clearcache '*' --dry-run              only count the values
  manage.py clearcache '*' --yes                  everything, without confirmation
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("pattern", nargs="?", metavar="PATTERN", help="a glob over keys; '*' is every cached value")
        parser.add_argument("--family", metavar="F", help="all values of a family, such as holdings")
        parser.add_argument("--tag", metavar="T", help="all values with a tag, such as candles:RELIANCE")
        parser.add_argument("--dry-run", action="store_true", help="only count the values that would be cleared")
        parser.add_argument(
            "--soft", action="store_true", help="only end their TTL: the old value stays in case its source fails"
        )
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation (as without a terminal)")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = {name: options[name] for name in ("pattern", "family", "tag") if options[name]}
        if len(chosen) != 1:
            raise CommandError("Give exactly one of PATTERN, --family, --tag ('*' for everything).")
        try:
            target = clear.target(**chosen)
            cleared = self._clear(target, options["dry_run"], soft=options["soft"], confirm=not options["yes"])
        except CacheError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{cleared.keys} keys {'would be cleared' if cleared.dry_run else 'cleared'}")

    def _clear(self, target: Target, dry_run: bool, *, soft: bool, confirm: bool) -> ClearResult:
        by = f"{getpass.getuser()} (command)"
        if dry_run:
            return clear.clear(target, by=by, dry_run=True)
        expected = None
        if confirm and sys.stdin.isatty():
            expected = clear.clear(target, by=by, dry_run=True).keys
            self._confirm(f"Clear {expected} keys of {target.what}?")
        bar = ProgressBar(sys.stderr, expected)
        try:
            return clear.clear(target, by=by, soft=soft, progress=bar)
        finally:
            bar.close()

    def _confirm(self, question: str) -> None:
        self.stdout.write(f"{question} [y/N] ", ending="")
        self.stdout.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise CommandError("Nothing was cleared.")
