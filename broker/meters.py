"""What is counted of the broker's calls and of waiting for its limits."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from broker.endpoints import Endpoint
from broker.errors import BrokerError, NoTurn
from systemcache.meters import Meter

Method = TypeVar("Method", bound=Callable[..., Any])

CALLS = Meter("broker_calls", "Calls to the broker, both tries of a read as one", "route")
ERRORS = Meter("broker_errors", "Calls to the broker that failed", "route")
WAITS = Meter("broker_limiter_waits", "Calls that waited for their turn within the broker's limits", "limit")
WAIT_SECONDS = Meter("broker_limiter_wait_seconds", "Time that calls waited for their turn", "limit")
REFUSALS = Meter("broker_limiter_refusals", "Calls that were not made because their turn was too far off", "limit")


@contextmanager
def call(route: str) -> Iterator[None]:
    """Counts what happens inside as a call; what got no turn is none."""
    try:
        yield
    except NoTurn:
        raise
    except BrokerError:
        CALLS.add(route)
        ERRORS.add(route)
        raise
    CALLS.add(route)


def counted(method: Method) -> Method:
    """For a transport's method that makes one call, to the endpoint that it is given first."""

    @functools.wraps(method)
    def counting(self: object, endpoint: Endpoint, *args: object, **kwargs: object) -> Any:
        with call(endpoint.name):
            return method(self, endpoint, *args, **kwargs)

    return cast(Method, counting)
