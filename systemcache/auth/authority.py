"""The caller's identity: from the cache for reads, from the database for requests that may change something.

A cached identity may be outdated: normally by 80 ms, and by the family's TTL if somebody who can write to Redis puts
back an entry that was invalidated. Nothing is ever changed on the basis of such an identity.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar

from django.http import HttpRequest, HttpResponse

from systemcache.families import Family
from systemcache.fetching.fetch import fetch
from systemcache.keys import Params

T = TypeVar("T")
Handler = Callable[[HttpRequest], HttpResponse]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_database_alone: ContextVar[bool] = ContextVar("identities come from the database alone", default=False)


def middleware(get_response: Handler) -> Handler:
    """Take user, permissions, session and token from the database in every request that may change something."""

    def handle(request: HttpRequest) -> HttpResponse:
        reset = _database_alone.set(request.method not in SAFE_METHODS)
        try:
            return get_response(request)
        finally:
            _database_alone.reset(reset)

    return handle


def look_up(family: Family[T], params: Params, loader: Callable[[], T]) -> T:
    """The value from the cache, or within a request that may change something from its loader. Raises its errors."""
    return loader() if _database_alone.get() else fetch(family, params, loader).value
