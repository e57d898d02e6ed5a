"""Follows the broker's stream for the whole site."""

import signal
from typing import Any

from django.core.management.base import CommandError, CommandParser

from broker import conf
from broker.feed.leader import Leader
from systemcache.invalidation import recovery
from systemcache.management.base import DocumentedCommand


class Command(DocumentedCommand):
    help = (
        "Follow the broker's stream of prices and order updates (IIFL_STREAM_URL), and write what it tells to the "
        "cache. Of several such processes, on any machines that share the Redis, one does the work; another takes over "
        "within 3 seconds when it ends."
    )
    examples = """
examples:
  manage.py runfeed       until Ctrl-C; `make run` starts it too
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--quiet", action="store_true", help="print nothing; the log is not affected")

    def handle(self, *args: Any, **options: Any) -> None:
        if not conf.stream_url():
            raise CommandError("There is no stream to follow: IIFL_STREAM_URL is off.")
        recovery.start()  # the page of processes shows this one, also while another one leads
        leader = Leader()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: leader.stop())
        if not options["quiet"]:
            self.stdout.write("Following the broker's stream; Ctrl-C ends it.")
            self.stdout.flush()
        leader.run()
