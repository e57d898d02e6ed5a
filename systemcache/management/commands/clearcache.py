"""Drops cached values."""

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from systemcache import invalidation
from systemcache.errors import CacheError


class Command(BaseCommand):
    help = (
        "Drop cached values: those that match PATTERN (a glob of documented keys such as "
        "'api:candles:RELIANCE:*'), a family's, or a tag's."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("pattern", nargs="?", metavar="PATTERN", help="a glob; * drops every cached value")
        parser.add_argument("--family", help="all values of a family, such as holdings")
        parser.add_argument("--tag", help="all values with a tag, such as candles:RELIANCE")
        parser.add_argument("--dry-run", action="store_true", help="only count")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = {name: options[name] for name in ("pattern", "family", "tag") if options[name]}
        if len(chosen) != 1:
            raise CommandError("Give exactly one of PATTERN, --family, --tag ('*' for everything).")
        try:
            target = invalidation.target(**chosen)
            cleared = invalidation.clear(target, by=f"{getpass.getuser()} (command)", dry_run=options["dry_run"])
        except CacheError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{cleared.keys} keys {'would be dropped' if cleared.dry_run else 'dropped'}")
