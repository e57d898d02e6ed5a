"""Reads of a page: each gives a value with its age, or says why there is none."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from broker.errors import BrokerError
from systemcache.cached_value import CachedValue
from systemcache.errors import CacheError

T = TypeVar("T")


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What a read gave: a cached value, or the error in the place of it."""

    cached: CachedValue[T] | None
    error: BrokerError | CacheError | None = None

    @property
    def value(self) -> T | None:
        return self.cached.value if self.cached else None

    @property
    def as_of(self) -> datetime | None:
        return self.cached.created if self.cached else None

    @property
    def stale(self) -> bool:
        return bool(self.cached and self.cached.stale)

    @property
    def why_not(self) -> str:
        return str(self.error) if self.error else ""

    def fingerprint(self, *, dated: bool = True) -> bytes:
        """Bytes that differ between answers which a page shows differently; `dated` if it shows of when they are."""
        if self.cached is None:
            return self.why_not.encode()
        born = self.cached.content.born if dated or self.stale else 0.0
        return b"%r %d %b" % (born, self.stale, self.cached.payload)


def ask(read: Callable[[], CachedValue[T]]) -> Answer[T]:
    """Read a value. An error of the broker or the cache is part of the answer, because the page has more to show."""
    try:
        return Answer(read())
    except (BrokerError, CacheError) as error:
        return Answer(None, error)


def etag_of(parts: Iterable[bytes]) -> str:
    digest = hashlib.blake2b(digest_size=12)
    for part in parts:
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return f'"{digest.hexdigest()}"'
