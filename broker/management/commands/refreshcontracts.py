"""Fetches the broker's contract files into the table."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError

from broker import gateway, refresh
from broker.contract_table import info
from broker.errors import BrokerError
from broker.values import CONTRACT_FILES
from systemcache.errors import StoreUnavailable
from systemcache.management.quick import QuickCommand


class Command(QuickCommand):
    help = (
        "Fetch the broker's contract files and replace the contracts that the site knows, file by file. A file that "
        "cannot be had, or that is far shorter than before, leaves its old contracts as they are, and the exit status "
        "is 1. "
        "The site does the same by itself, with the first request after 8:00 IST that needs a file."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        known = [str(file) for file in CONTRACT_FILES]
        # No choices: argparse would refuse the empty list that stands for all.
        parser.add_argument(
            "files", nargs="*", metavar="FILE", help=f"one of {', '.join(known)} (default: all of them)"
        )
        parser.add_argument(
            "--accept-short",
            action="store_true",
            help="take a file over even when it has less than half of the contracts it had",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        files = list(dict.fromkeys(options["files"] or map(str, CONTRACT_FILES)))
        if unknown := [file for file in files if file not in CONTRACT_FILES]:
            raise CommandError(f"{', '.join(unknown)}: not one of {', '.join(CONTRACT_FILES)}.")
        failed = [file for file in files if not self._refreshed(file, options["accept_short"])]
        if len(failed) < len(files):
            self._announce()
        if failed:
            raise CommandError(f"{len(failed)} of {len(files)} files could not be refreshed: {', '.join(failed)}.")

    def _refreshed(self, file: str, accept_short: bool) -> bool:
        try:
            done = gateway.refresh_contracts(file, pauses=refresh.PATIENT, accept_short=accept_short)
        except (BrokerError, DatabaseError) as error:
            self._print(f"{file:9} {_kept(file)}: {error}")
            return False
        self._print(f"{file:9} {done.info.rows:>7,} rows in {done.seconds:.1f} s")
        return True

    def _announce(self) -> None:
        try:
            gateway.announce_contracts()
        except StoreUnavailable as error:
            self._print(f"Redis could not be told ({error}): pages may give the files' former ages for an hour.")

    def _print(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _kept(file: str) -> str:
    """What the site still has of a file that failed."""
    known = info(file)
    return f"kept the {known.rows:,} rows of {known.refreshed_at:%d %b %Y %H:%M}" if known else "has no rows"
