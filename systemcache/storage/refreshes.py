"""Which value of a family callers may have from its source now, over all processes: one in each interval."""

from redis import Redis

from systemcache.storage import scripts
from systemcache.storage.connection import redis_command
from systemcache.storage.key_names import refresh_key

# KEYS: the family's refresh. ARGV: the caller's claim, the interval (ms). Replies the claim that holds.
CLAIM = """
local holds = redis.call('MGET', KEYS[1])[1]
if holds then return holds end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
"""


@redis_command
def claim(redis: Redis, family: str, values: str, moment: float, interval: float) -> float | None:
    """The time (seconds since 1970) from which these values of a family have to be loaded again.

    `moment` for the first claim in an interval, and that one's moment for further claims to the same values; None while
    others of the family have been claimed.
    """
    holds = scripts.run(redis, CLAIM, [refresh_key(family)], [f"{moment!r} {values}", int(1000 * interval)])
    claimed, _, claimed_values = holds.decode("utf-8", "replace").partition(" ")
    return float(claimed) if claimed_values == values else None
