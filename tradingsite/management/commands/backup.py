"""Write the database to a file."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from systemcache import clock
from tradingsite import backups


class Command(BaseCommand):
    help = "Write the database to a new file in a folder, readable by its owner only. The site may run meanwhile."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument(
            "--keep", type=int, metavar="DAYS", help="remove backups in the folder that are older, but the newest never"
        )

    def handle(self, *args: Any, folder: Path, keep: int | None, **options: Any) -> None:
        if keep is not None and keep < 1:
            raise CommandError("--keep must be at least 1 day.")
        now = clock.now()
        try:
            file = backups.dump(folder, now)
        except (backups.BackupError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{file} ({file.stat().st_size:,} bytes)")
        if keep:
            for removed in backups.remove_older(folder, keep, now):
                self.stdout.write(f"removed {removed}")
