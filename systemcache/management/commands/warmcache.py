"""Warms the cache."""

import time
from collections import Counter
from contextlib import suppress
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import close_old_connections

from systemcache.errors import CacheError, StoreUnavailable
from systemcache.management.base import DocumentedCommand
from systemcache.operations import warming
from systemcache.operations.warming import Report
from systemcache.storage.leader_lock import LeaderLock

LOCK_TTL = 30.0  # seconds after which the lock of a process that died is free
LOCK_INTERVAL = LOCK_TTL / 3  # seconds between attempts to take or renew the lock
MAX_WAIT = 60.0  # seconds that a step waits for its source's rate limit: no user waits for it


class LockLost(Exception):
    """Another process has taken the lock during a run."""


class Command(DocumentedCommand):
    help = (
        "Warm the cache: load what is missing or no longer fresh, within the rate limits of the sources. Only one "
        "process at a time does so, over all machines that share the Redis; the others wait, and one of them takes "
        "over if it ends. The exit status is 1 if a load failed."
    )
    examples = """
examples:
  manage.py warmcache                     once, now; `runsite` does so by itself (WARM_CACHE)
  manage.py warmcache --every 60          every minute, until Ctrl-C
  manage.py warmcache --family candles    only one family
"""

    clock = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        if descriptions := warming.descriptions():
            self.help = f"{type(self).help} It warms {'; '.join(descriptions)}."
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=float, metavar="SECONDS", help="repeat every SECONDS")
        parser.add_argument("--family", metavar="F", default="", help="warm only this family")

    def handle(self, *args: Any, **options: Any) -> None:
        every = options["every"]
        if every is not None and every <= 0:
            raise CommandError("--every needs more than 0 seconds.")
        lock = LeaderLock("warming", LOCK_TTL)
        try:
            if every is None:
                self._run_once(lock, options)
            else:
                self._run_forever(lock, options, every)
        except CacheError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
        finally:
            with suppress(StoreUnavailable):
                lock.release()

    def _run_once(self, lock: LeaderLock, options: dict[str, Any]) -> None:
        if not lock.acquire():
            self.stdout.write("Another process is already warming the cache.")
            return
        report = self._run(lock, options)
        if report is None:
            raise CommandError("Warming was not completed.")
        if report.failed:
            raise CommandError(f"{len(report.failed)} could not be loaded.")

    def _run_forever(self, lock: LeaderLock, options: dict[str, Any], every: float) -> None:
        due = self.clock()
        while True:
            if not self._holds(lock):
                due = self.clock()  # a process that takes over starts at once
                self.sleep(LOCK_INTERVAL)
                continue
            if self.clock() >= due:
                self._run(lock, options)
                due = self.clock() + every
            self.sleep(max(0.0, min(LOCK_INTERVAL, due - self.clock())))

    def _holds(self, lock: LeaderLock) -> bool:
        try:
            return lock.acquire()
        except StoreUnavailable:
            return False  # without Redis there is nothing to warm

    def _run(self, lock: LeaderLock, options: dict[str, Any]) -> Report | None:
        """Run all steps; None if the lock was lost meanwhile."""

        def renew_lock() -> None:
            if not lock.acquire():
                raise LockLost

        close_old_connections()
        try:
            report = warming.run(family=options["family"], max_wait=MAX_WAIT, before_step=renew_lock)
        except (LockLost, StoreUnavailable):
            self.stdout.write("Stopped warming: another process has taken over, or Redis is down.")
            return None
        if options["verbosity"]:
            self._write_report(report)
        return report

    def _write_report(self, report: Report) -> None:
        for failure in report.failed:
            self.stderr.write(f"{failure.what}: {failure.error}")
        states = Counter(step.state for step in report.warmed)
        numbers = {
            "loaded": states["miss"],
            "already fresh": states["hit"],
            "stale because the source fails": states["stale"],
            "not stored because Redis is down": states["bypass"],
            "failed": len(report.failed),
        }
        summary = ", ".join(f"{number} {what}" for what, number in numbers.items() if number)
        self.stdout.write(f"{summary or 'nothing to do'}, in {report.seconds:.1f} s")
        self.stdout.flush()
