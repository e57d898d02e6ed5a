"""Recovery: one thread a process replays invalidations that were left undone, and probes a Redis that was lost.

Its interval bounds two things: how long a value outlives the crash of a process between the commit of a write and its
invalidation, and how long a process with a working Redis shows a value that another process, without one, has replaced.
"""

import logging
import threading
from collections.abc import Callable

from django.db import Error as DatabaseError
from django.db import connections

from systemcache import clock, conf, process_state
from systemcache.errors import StoreUnavailable
from systemcache.invalidation import fencing, outbox
from systemcache.storage.breaker import breaker
from systemcache.storage.leases import unconfirmed

logger = logging.getLogger(__name__)

PROBE_INTERVAL = 0.1  # seconds between two rounds while Redis is not in use: how late this process finds it back
SHORTEST_PAUSE = 0.1  # of the interval: the least pause if the database makes each round wait
STARTUP_WAIT = 2.0  # seconds for which a process's first reads wait, should the database not answer


_after_round: list[Callable[[], object]] = []


def after_each_round(work: Callable[[], object]) -> None:
    """Have this thread do additional work, which must be quick, after each of its rounds."""
    if work not in _after_round:
        _after_round.append(work)


class _Thread:
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.lock, self.started, self.has_run = threading.Lock(), False, threading.Event()


_thread = process_state.register(_Thread())


def ensure_started() -> None:
    """Start the recovery thread of this process, once; a forked child needs its own.

    Returns after its first round: what a crash left undone is replayed before this process trusts Redis.
    """
    if not _thread.has_run.is_set():
        start()
        _thread.has_run.wait(STARTUP_WAIT)
        _thread.has_run.set()


def start() -> None:
    """Start the recovery thread of this process, once, without waiting for its first round."""
    with _thread.lock:
        if _thread.started:
            return  # another thread was quicker
        if conf.recovery_interval() > 0:
            threading.Thread(target=_run_forever, name="cache-recovery", daemon=True).start()
        else:
            _thread.has_run.set()
        _thread.started = True


def run_once() -> None:
    """One round. Errors of Redis and of the database are left to the next one."""
    try:
        if breaker.allows():
            _check_server()
        if breaker.allows():
            outbox.replay()
            unconfirmed.release()
        else:
            breaker.probe(outbox.replay_after_outage)
    except (StoreUnavailable, DatabaseError) as error:
        logger.debug("cache: recovery failed, retrying: %s", error)


def _check_server() -> None:
    """Open the breaker if this process reaches another Redis than the others, or one that cannot be agreed on."""
    try:
        if not fencing.holds():
            breaker.failed(fencing.LEFT_BEHIND)
    except StoreUnavailable as error:
        breaker.failed(error.reason)


def _run_forever() -> None:
    """Until the process ends, or the interval is set to 0."""
    pause = threading.Event()
    while (interval := conf.recovery_interval()) > 0:
        began = clock.monotonic()
        try:
            run_once()
            _thread.has_run.set()
            for work in _after_round:
                work()
        except DatabaseError as error:
            logger.debug("cache: what follows recovery failed, retrying: %s", error)
        except BaseException:  # SystemExit too
            # If this thread ended, the bound would not hold for this process.
            logger.exception("cache: recovery failed, retrying")
        finally:
            _close_broken_connections()
            _thread.has_run.set()
        interval = interval if breaker.allows() else min(interval, PROBE_INTERVAL)
        # From one round's beginning to the next one's: the interval is a bound, and a round may wait for the database.
        pause.wait(max(interval * SHORTEST_PAUSE, interval - (clock.monotonic() - began)))


def _close_broken_connections() -> None:
    """Keep a good database connection: during an outage every other thread competes for one."""
    for database in connections.all(initialized_only=True):
        if database.errors_occurred:
            database.close()
