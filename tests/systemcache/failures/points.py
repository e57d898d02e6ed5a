"""The points of a read, a write or a clear at which a test lets Redis fail."""

import hashlib
from collections.abc import Callable

from systemcache.storage import leases, totals
from testservers.redis_proxy import RedisProxy


def _call_of(script: str) -> bytes:
    return hashlib.sha1(script.encode()).hexdigest().encode()  # noqa: S324 - Redis's name for it


POINTS = {
    "read": b"MGET",
    "acquire": _call_of(leases.ACQUIRE),
    "store": _call_of(leases.STORE),
    "release": _call_of(leases.RELEASE),
    "wait": b"BLMOVE",
    "invalidate": b"UNLINK",
    "scan": b"SCAN",
    "add": _call_of(totals.ADD),
}


class FailingRedis(RedisProxy):
    def at(self, point: str, hook: Callable[[], object], *, lose_answer: bool = False) -> None:
        """Call the hook when the next request of this kind comes."""
        self.intercept(POINTS[point], hook, lose_answer=lose_answer)
