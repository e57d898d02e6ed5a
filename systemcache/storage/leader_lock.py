"""A leader lock: one process of all, on any machine, does a piece of work, by a lease in Redis that expires."""

import secrets
from dataclasses import dataclass, field

from redis import Redis

from systemcache.storage import scripts
from systemcache.storage.connection import redis_command
from systemcache.storage.key_names import leader_key

# KEYS: the leader. ARGV: the caller's token, the lock's TTL (ms). Replies 1 if the caller leads.
ACQUIRE = """
local leader = redis.call('MGET', KEYS[1])[1]
if leader and leader ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

# KEYS: the leader. ARGV: the caller's token.
RELEASE = """
if redis.call('MGET', KEYS[1])[1] == ARGV[1] then redis.call('UNLINK', KEYS[1]) end
"""


@dataclass(frozen=True, slots=True)
class LeaderLock:
    """A candidate for leading `work`. If the leader does not renew its lock within `seconds`, another may take it.

    The methods raise StoreUnavailable when Redis cannot be used; then no candidate leads.
    """

    work: str
    seconds: float
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    def acquire(self) -> bool:
        """Take or renew the lock; whether this candidate leads, for `seconds` from now."""
        return _acquire(self)

    def release(self) -> None:
        """Leave the lock to others, if this candidate holds it."""
        _release(self)


@redis_command
def _acquire(redis: Redis, lock: LeaderLock) -> bool:
    return bool(scripts.run(redis, ACQUIRE, [leader_key(lock.work)], [lock.token, int(1000 * lock.seconds)]))


@redis_command
def _release(redis: Redis, lock: LeaderLock) -> None:
    scripts.run(redis, RELEASE, [leader_key(lock.work)], [lock.token])
