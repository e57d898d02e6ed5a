"""Put a backup in place of the database's content."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tradingsite import backups


class Command(BaseCommand):
    help = "Replace the whole database with a backup. Stop the site's processes first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--yes", action="store_true", help="do it; what is in the database now is lost")

    def handle(self, *args: Any, file: Path, yes: bool, **options: Any) -> None:
        if not yes:
            raise CommandError("What is in the database now would be lost: repeat the command with --yes.")
        try:
            backups.restore(file)
        except backups.BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{file} was restored, and this version's migrations were applied; the cache is invalidated.")
