"""Values from their source for a caller who asks for them, by `Cache-Control: no-cache`.

What such a caller gets was loaded after the request, or at most INTERVAL before it for another such caller. For the
read it is a freshness bound, and nothing else: a value from before it counts as expired. So there is one load for all
who ask, under the lease, and it never takes a value away that other readers may have, nor one that may be shown if the
source fails.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from systemcache import clock
from systemcache.errors import StoreUnavailable
from systemcache.families import Family
from systemcache.storage import refreshes

INTERVAL = 1.0  # seconds in which one value of a family is refreshed, over all processes

_wanted: ContextVar[bool] = ContextVar("values from their source", default=False)


@contextmanager
def from_source(wanted: bool = True) -> Iterator[None]:
    """Make reads inside ask the source, including reads of the values that other values are made of."""
    token = _wanted.set(wanted)
    try:
        yield
    finally:
        _wanted.reset(token)


def not_before(family: Family[Any], keys: Iterable[str]) -> float:
    """Since when (seconds since 1970) the values of these keys must have been loaded; 0: any fresh value will do."""
    if not (_wanted.get() and family.refreshable):
        return 0.0
    values = hashlib.blake2b(" ".join(sorted(keys)).encode(), digest_size=12).hexdigest()
    try:
        return refreshes.claim(family.name, values, clock.now().timestamp(), INTERVAL) or 0.0
    except StoreUnavailable:
        return 0.0
