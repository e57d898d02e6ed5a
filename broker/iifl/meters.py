"""Meters of the calls to the broker and of the waits for its rate limits."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from broker.errors import BrokerError, RateLimitWait
from broker.iifl.endpoints import Endpoint
from systemcache.stats.meters import Meter

Method = TypeVar("Method", bound=Callable[..., Any])

CALLS = Meter("broker_calls", "Calls to the broker; both attempts at a read count as one", "route")
ERRORS = Meter("broker_errors", "Calls to the broker that failed", "route")
WAITS = Meter("broker_limiter_waits", "Calls that waited for the broker's rate limit", "limit")
WAIT_SECONDS = Meter("broker_limiter_wait_seconds", "Time that calls waited for the broker's rate limit", "limit")
REFUSALS = Meter("broker_limiter_refusals", "Calls not made because the wait for the rate limit was too long", "limit")


@contextmanager
def count_call(route: str) -> Iterator[None]:
    """Count what happens inside as one call, unless the rate limiter refused it."""
    try:
        yield
    except RateLimitWait:
        raise
    except BrokerError:
        CALLS.add(route)
        ERRORS.add(route)
        raise
    CALLS.add(route)


def count_calls(method: Method) -> Method:
    """Decorate a transport's method that makes one call to the endpoint in its first argument."""

    @functools.wraps(method)
    def wrapper(self: object, endpoint: Endpoint, *args: object, **kwargs: object) -> Any:
        with count_call(endpoint.name):
            return method(self, endpoint, *args, **kwargs)

    return cast(Method, wrapper)
