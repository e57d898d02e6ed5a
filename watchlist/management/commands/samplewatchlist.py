"""Fills an empty watchlist with sample symbols."""

from typing import Any

from systemcache.management.base import QuickCommand
from watchlist import services


class Command(QuickCommand):
    help = "Add ten well-known shares to the watchlist if it is empty, without calling the broker."

    def handle(self, *args: Any, **options: Any) -> None:
        added = services.add_sample()
        self.stdout.write(f"{added} added." if added else "The watchlist is not empty; nothing was added.")
