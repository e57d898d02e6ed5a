"""The cache: families, fetch-through, invalidation, statistics. Imports no other app.

`from systemcache import Family, fetch, fetch_many` is the low-level API. It is imported on first use, because Django
imports this package before its apps are ready.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from systemcache.cached_value import CachedValue
    from systemcache.families import Family
    from systemcache.fetching.fetch import fetch
    from systemcache.fetching.fetch_many import fetch_many

__all__ = ["CachedValue", "Family", "fetch", "fetch_many"]

_MODULES = {
    "CachedValue": "systemcache.cached_value",
    "Family": "systemcache.families",
    "fetch": "systemcache.fetching.fetch",
    "fetch_many": "systemcache.fetching.fetch_many",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
