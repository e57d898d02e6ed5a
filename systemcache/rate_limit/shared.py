"""The back end for all processes, in Redis. Every method raises StoreUnavailable when Redis cannot be used."""

from systemcache.rate_limit.backend import Call, Rate
from systemcache.storage import rate_limits


class SharedBackend:
    def acquire(self, call: Call, rate: Rate, max_wait: float) -> float:
        wait, call.ticket = rate_limits.acquire(
            call.limit,
            call.token,
            urgent=call.urgent,
            ticket=call.ticket,
            calls=rate.calls,
            window=rate.window,
            counts_for=call.counts_for,
            max_wait=max_wait,
        )
        return wait

    def release(self, call: Call, rate: Rate) -> None:
        rate_limits.release(call.limit, call.token, rate.window)

    def pause(self, limit: str, seconds: float) -> None:
        rate_limits.pause(limit, seconds)
