"""Imports trading days: holidays, special sessions, hours."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from broker.calendar import files, table, trading_hours
from broker.csv_rows import MalformedRow
from systemcache.management.base import DocumentedCommand


class Command(DocumentedCommand):
    help = (
        "Add the rows of a calendar file to the site's trading days, all or none; a row of an exchange and day that "
        "the site has already takes its place. Without a file, print the calendar in force in the same form."
    )
    examples = """
The file is CSV with the columns day,applies,exchanges,hours,reason,source:

  2027-01-26,day,NSEEQ BSEEQ NSEFO BSEFO,closed,Republic Day,NSE/CMTR/1
  2027-10-29,day,NSEEQ BSEEQ NSEFO BSEFO,18:00-19:15,Muhurat trading,NSE/CMTR/2
  2027-02-06,day,NSEEQ,regular,live test on a Saturday,NSE/CMTR/3
  2027-03-22,day,MCXCOMM,17:00-23:30/23:55,Holi: no morning session,MCX/TRD/4
  2027-07-01,weekdays from,NSECURR,09:00-17:00,shorter hours,NSE/CD/5

Hours are closed, unknown (a session at hours not yet announced), regular (as on a weekday), or times in IST; the
second end of 23:30/23:55 holds while the US has no daylight saving time. A year counts as known once an exchange has
a closed day in it; until then its weekends may have sessions.
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", metavar="FILE")
        parser.add_argument("--dry-run", action="store_true", help="check the file and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        path = options["file"]
        if path is None:
            files.write(trading_hours.calendar().rows.values(), self.stdout)
            return
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                rows = list(files.read(file))
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise CommandError(f"{path} is not a CSV file in UTF-8: {error}.") from error
        except MalformedRow as error:
            raise CommandError(f"Nothing was imported from {path}: {error}.") from error
        if options["dry_run"]:
            self.stdout.write(f"{len(rows)} rows can be imported.")
            return
        added, changed, unchanged = table.add(rows)
        self.stdout.write(f"{added} rows added, {changed} changed, {unchanged} as before.")
