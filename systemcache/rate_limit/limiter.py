"""Keeps calls to a source within its rate limits, over all processes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from systemcache import conf, timing
from systemcache.errors import StoreUnavailable
from systemcache.rate_limit.backend import Backend, Call, Rate
from systemcache.rate_limit.local import LocalBackend
from systemcache.rate_limit.outage import OutageTracker
from systemcache.rate_limit.shared import SharedBackend


class WaitTooLong(Exception):
    """No call was made, since a slot would be free too late. Try again in `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"no slot soon enough; try again in {retry_after:.1f} s")
        self.retry_after = retry_after


class RateLimiter:
    """Promises that no window of the source's holds more calls than the limit. Gives slots to urgent calls first, then
    to whoever has had fewer, then in the order of asking.

    A call counts from before it is sent until a window after its end, and no more calls count at once than the limit
    allows: that alone keeps the limit, however slow a process or the wire is. Waiting calls queue for the slots. From
    queue and calls follows when a slot is free at the earliest: a call sleeps until then, or is refused at once if that
    is too late.

    Both are kept in Redis. While Redis is away each process keeps to its share of the rate. It makes no call for one
    window, in which those of the other processes still count, and its own earlier calls count against its share. It
    keeps to its share until all other processes must have found Redis again, because an empty Redis knows of no call
    that was made without it. Meanwhile a window may hold more calls than the limit only with more processes than calls
    per window, or if one process has lost Redis and another has not noticed.

    `processes` returns how many share the limits. A call that arrives does so within `arrival_timeout` seconds.
    """

    def __init__(
        self,
        processes: Callable[[], int],
        *,
        arrival_timeout: float,
        shared: Backend | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._processes = processes
        self._arrival_timeout = arrival_timeout
        self._shared = shared or SharedBackend()
        self._local = LocalBackend(clock)
        self._outage = OutageTracker(clock)
        self._clock = clock
        self._sleep = sleep

    def reset(self) -> None:
        self._local.reset()
        self._outage.reset()

    @contextmanager
    def slot(self, limit: str, rate: Rate, *, max_wait: float, urgent: bool = False) -> Iterator[float]:
        """Wait until the call inside may be sent. Yields the seconds that it waited.

        Raises WaitTooLong: at once if no slot can be free within `max_wait` seconds; otherwise, when calls take longer
        than could be known, at the latest a window after `max_wait`.
        """
        call = Call(limit, self._clock(), counts_for=self._arrival_timeout + rate.window, urgent=urgent)
        waited = self._wait(call, rate, max_wait)
        try:
            yield waited
        finally:
            self._local.release(call, self._local_rate(rate))
            with suppress(StoreUnavailable):
                self._shared.release(call, rate)

    def pause(self, limit: str, seconds: float) -> None:
        """Stop all processes from starting a call for this long, because the source was called too often."""
        self._local.pause(limit, seconds)
        with suppress(StoreUnavailable):  # the source will refuse the other processes' calls itself
            self._shared.pause(limit, seconds)

    def _wait(self, call: Call, rate: Rate, max_wait: float) -> float:
        waited, left = 0.0, max_wait
        while wait := self._acquire(call, rate, left):
            if wait > left:
                raise WaitTooLong(wait - left)
            with timing.span("limiter"):
                self._sleep(wait)
            waited += wait
            left = call.asked_at + max_wait + rate.window - self._clock()
        return waited

    def _acquire(self, call: Call, rate: Rate, max_wait: float) -> float:
        """Return 0 if the call may be sent, or else the seconds after which to ask again; more than `max_wait` is a
        refusal."""
        if self._outage.is_on():
            return self._acquire_from_both(call, rate, max_wait)
        wait = self._acquire_shared(call, rate, max_wait)
        if not wait:
            self._local.count(call)
        return wait

    def _acquire_from_both(self, call: Call, rate: Rate, max_wait: float) -> float:
        if wait := self._local.acquire(call, self._local_rate(rate), max_wait):
            return wait
        wait = self._acquire_shared(call, rate, max_wait)
        if wait:
            self._local.cancel(call)
        return wait

    def _acquire_shared(self, call: Call, rate: Rate, max_wait: float) -> float:
        """Ask Redis; without it, return what is left of the window in which other processes' calls count."""
        try:
            wait = self._shared.acquire(call, rate, max_wait)
        except StoreUnavailable:
            return self._outage.redis_lost(rate.window)
        self._outage.redis_answered(conf.breaker_pause() + conf.recovery_interval() + rate.window)
        return wait

    def _local_rate(self, rate: Rate) -> Rate:
        return rate.share(self._processes()) if self._outage.is_on() else rate
