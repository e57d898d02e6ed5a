"""Sends orders in threads of its own, so that a request is answered even while the broker hangs.

The request waits a few seconds. What takes longer goes on here, on record like any order, and the page of its outcome
says how far it has come.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime, timedelta

from django.db import connections

from broker import clock
from broker.orders.services import OrderResult
from systemcache import process_state
from systemcache.local.ttl_dict import TTLDict

THREADS = 16
WAIT = 5.0  # seconds that the request waits
# An order whose checks have taken longer is not sent: it was confirmed at prices of before. The second is for clocks of
# machines that differ.
CHECK_TIME, CLOCK_DIFFERENCE = timedelta(seconds=20), timedelta(seconds=5)
KEEP = 300.0  # seconds for which a process remembers what ended before it was on record

Work = Callable[[Callable[[], None]], OrderResult]


class TooLate(Exception):
    """The checks took too long; nothing was recorded or sent."""


class _Jobs:
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="orders")
        self.by_key: TTLDict[Future[OrderResult]] = TTLDict()


_jobs = process_state.register(_Jobs())


def start(user_id: int, key: str, work: Work) -> Future[OrderResult]:
    """Begin to check and send an order. `work` gets what it has to call before it records the order."""
    deadline = clock.now() + CHECK_TIME

    def before_record() -> None:
        if clock.now() > deadline:
            raise TooLate

    future = _jobs.pool.submit(copy_context().run, _with_own_connections, work, before_record)
    _jobs.by_key.set(_name(user_id, key), future, KEEP)
    return future


def find(user_id: int, key: str) -> Future[OrderResult] | None:
    """Find what this process has begun lately under the key."""
    return _jobs.by_key.get(_name(user_id, key))


def is_certainly_over(began: datetime) -> bool:
    """Whether an order that was begun then, in any process, and is not on record, never will be."""
    return clock.now() > began + CHECK_TIME + CLOCK_DIFFERENCE


def _with_own_connections(work: Work, before_record: Callable[[], None]) -> OrderResult:
    try:
        return work(before_record)
    finally:
        connections.close_all()


def _name(user_id: int, key: str) -> str:
    return f"{user_id} {key}"
