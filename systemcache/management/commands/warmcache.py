"""Fills the cache before anybody asks."""

import time
from collections import Counter
from contextlib import suppress
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import close_old_connections

from systemcache import warming
from systemcache.errors import CacheError, StoreUnavailable
from systemcache.leading import Candidate
from systemcache.management.explained import ExplainedCommand
from systemcache.warming import Report

LEAD = 30.0  # seconds for which the lead stands that is not renewed
LOOK = LEAD / 3  # seconds between two looks whether the lead is free, or to be renewed
PATIENCE = 60.0  # seconds that a step waits for the broker's limits: nobody waits for it


class AnotherLeads(Exception):
    pass


class Command(ExplainedCommand):
    help = (
        "Fill the cache before anybody asks: the account's holdings, positions, margins, orders, trades and profile, "
        "the watchlist, and prices and daily candles of the symbols that are watched. Only what is missing or too old "
        "is loaded, within the broker's limits. One process at a time does so, over all machines that share the "
        "Redis: the others wait, and one of them takes over if it ends. The exit status is 1 when something could not "
        "be loaded."
    )
    examples = """
examples:
  manage.py warmcache                     once, now; `runsite` does so by itself (WARM_CACHE)
  manage.py warmcache --every 60          again each minute, until Ctrl-C
  manage.py warmcache --family candles    only one family
"""

    clock = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=float, metavar="SECONDS", help="again and again, this long apart")
        parser.add_argument("--family", metavar="F", default="", help="only this one")

    def handle(self, *args: Any, **options: Any) -> None:
        every = options["every"]
        if every is not None and every <= 0:
            raise CommandError("--every takes seconds above 0.")
        candidate = Candidate("warming", LEAD)
        try:
            if every is None:
                self._once(candidate, options)
            else:
                self._forever(candidate, options, every)
        except CacheError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
        finally:
            with suppress(StoreUnavailable):
                candidate.resign()

    def _once(self, candidate: Candidate, options: dict[str, Any]) -> None:
        if not candidate.leads():
            self.stdout.write("Another process warms the cache already.")
            return
        report = self._run(candidate, options)
        if report is None:
            raise CommandError("It was not done to the end.")
        if report.failed:
            raise CommandError(f"{len(report.failed)} could not be loaded.")

    def _forever(self, candidate: Candidate, options: dict[str, Any], every: float) -> None:
        due = self.clock()
        while True:
            if not self._leads(candidate):
                due = self.clock()  # who takes over begins at once
                self.sleep(LOOK)
                continue
            if self.clock() >= due:
                self._run(candidate, options)
                due = self.clock() + every
            self.sleep(max(0.0, min(LOOK, due - self.clock())))

    def _leads(self, candidate: Candidate) -> bool:
        try:
            return candidate.leads()
        except StoreUnavailable:
            return False  # without Redis there is nothing to fill

    def _run(self, candidate: Candidate, options: dict[str, Any]) -> Report | None:
        """None when the lead was lost meanwhile."""

        def keep_the_lead() -> None:
            if not candidate.leads():
                raise AnotherLeads

        close_old_connections()
        try:
            report = warming.run(family=options["family"], patience=PATIENCE, before_step=keep_the_lead)
        except (AnotherLeads, StoreUnavailable):
            self.stdout.write("Another process has taken over, or Redis is away.")
            return None
        if options["verbosity"]:
            self._tell(report)
        return report

    def _tell(self, report: Report) -> None:
        for failure in report.failed:
            self.stderr.write(f"{failure.what}: {failure.error}")
        states = Counter(done.state for done in report.warmed)
        told = {
            "loaded": states["miss"],
            "fresh already": states["hit"],
            "old because the source fails": states["stale"],
            "not kept because Redis is away": states["bypass"],
            "failed": len(report.failed),
        }
        counts = ", ".join(f"{number} {what}" for what, number in told.items() if number)
        self.stdout.write(f"{counts or 'nothing to do'}, in {report.seconds:.1f} s")
        self.stdout.flush()
