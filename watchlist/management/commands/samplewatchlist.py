"""Fills an empty watchlist with a sample."""

from typing import Any

from systemcache.management.quick import QuickCommand
from watchlist import services


class Command(QuickCommand):
    help = "Put ten well-known shares on the watchlist, if there is nothing on it. Does not ask the broker."

    def handle(self, *args: Any, **options: Any) -> None:
        added = services.add_sample()
        self.stdout.write(f"{added} added." if added else "There is a watchlist already; nothing was added.")
