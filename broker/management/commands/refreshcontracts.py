"""Refreshes the contract files."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError

from broker import gateway
from broker.contracts import refresh
from broker.contracts.table import info
from broker.errors import BrokerError
from broker.values import CONTRACT_FILES
from systemcache.errors import StoreUnavailable
from systemcache.management.base import QuickCommand


class Command(QuickCommand):
    help = (
        "Fetch the broker's contract files and replace the site's contracts, file by file. If a file cannot be "
        "fetched, or is far shorter than before, its old contracts stay and the exit status is 1. The site also "
        "refreshes a file by itself, on the first request after 8:00 IST that needs it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        known = [str(file) for file in CONTRACT_FILES]
        # No choices: argparse would refuse the empty list that means all files.
        parser.add_argument(
            "files", nargs="*", metavar="FILE", help=f"one of {', '.join(known)} (default: all of them)"
        )
        parser.add_argument(
            "--accept-short",
            action="store_true",
            help="accept a file even if it has less than half as many contracts as before",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        files = list(dict.fromkeys(options["files"] or map(str, CONTRACT_FILES)))
        if unknown := [file for file in files if file not in CONTRACT_FILES]:
            raise CommandError(f"{', '.join(unknown)}: not one of {', '.join(CONTRACT_FILES)}.")
        failed = [file for file in files if not self._refresh(file, options["accept_short"])]
        if len(failed) < len(files):
            try:
                gateway.invalidate_contracts()
            except StoreUnavailable as error:
                self._print(f"The cache could not be invalidated ({error}): ages of files may be wrong for an hour.")
        if failed:
            raise CommandError(f"{len(failed)} of {len(files)} files could not be refreshed: {', '.join(failed)}.")

    def _refresh(self, file: str, accept_short: bool) -> bool:
        try:
            done = gateway.refresh_contracts(file, retry_delays=refresh.COMMAND_RETRY_DELAYS, accept_short=accept_short)
        except (BrokerError, DatabaseError) as error:
            known = info(file)
            kept = f"kept the {known.rows:,} rows of {known.refreshed_at:%d %b %Y %H:%M}" if known else "has no rows"
            self._print(f"{file:9} {kept}: {error}")
            return False
        self._print(f"{file:9} {done.info.rows:>7,} rows in {done.seconds:.1f} s")
        if done.malformed:
            self._print(f"{file:9} {done.malformed:>7,} malformed rows left out: {done.examples}")
        return True

    def _print(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
