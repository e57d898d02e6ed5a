"""The broker's limits of calls per second (iifl_api §4.3), shared by all processes."""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from typing import Protocol

from broker import conf
from broker.errors import RateLimitWait
from broker.iifl import meters
from broker.iifl.endpoints import CONNECT_TIMEOUT
from systemcache import process_state
from systemcache.rate_limit.backend import Rate
from systemcache.rate_limit.limiter import RateLimiter, WaitTooLong

WINDOW = 1.05  # seconds: the broker's window of one, plus the difference between its clock and ours

shared_limiter = process_state.register(RateLimiter(conf.processes, arrival_timeout=CONNECT_TIMEOUT))
_max_wait: ContextVar[float | None] = ContextVar("max_wait", default=None)


@contextmanager
def max_wait(seconds: float) -> Iterator[None]:
    """Let the calls inside wait up to this long for the rate limit: for background work, which can afford it."""
    token = _max_wait.set(seconds)
    try:
        yield
    finally:
        _max_wait.reset(token)


class Limiter(Protocol):
    """Limits a transport's calls. `limit` is a name in IIFL_LIMITS; what follows a colon is counted on its own."""

    def slot(self, limit: str, *, urgent: bool = False) -> AbstractContextManager[None]:
        """Wait until the call inside may be sent, urgent ones first. Raises RateLimitWait if it would take too long."""

    def pause(self, limit: str, seconds: float) -> None:
        """Stop all calls for this long, after a 429 from the broker."""


class BrokerRateLimiter:
    """A rate limiter with the broker's limits, metrics and errors."""

    def __init__(self, limiter: RateLimiter = shared_limiter) -> None:
        self._limiter = limiter

    @contextmanager
    def slot(self, limit: str, *, urgent: bool = False) -> Iterator[None]:
        name = limit.partition(":")[0]
        rate = Rate(conf.calls_per_second(name), WINDOW)
        with ExitStack() as stack:
            try:
                slot = self._limiter.slot(limit, rate, max_wait=_longest_wait(), urgent=urgent)
                waited = stack.enter_context(slot)
            except WaitTooLong as error:
                meters.REFUSALS.add(name)
                raise RateLimitWait(math.ceil(max(1.0, error.retry_after))) from None
            if waited:
                meters.WAITS.add(name)
                meters.WAIT_SECONDS.add(name, waited)
            yield

    def pause(self, limit: str, seconds: float) -> None:
        self._limiter.pause(limit, seconds)


def _longest_wait() -> float:
    chosen = _max_wait.get()
    return conf.limit_wait() if chosen is None else chosen
