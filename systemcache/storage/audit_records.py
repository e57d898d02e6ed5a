"""What the auditor keeps beside its counts: the largest staleness by family and layer, and the last violations."""

from redis import Redis

from systemcache.storage import scripts
from systemcache.storage.connection import redis_command
from systemcache.storage.key_names import audit_key, violations_key
from systemcache.storage.totals import STATS_TTL, finite_numbers

MAX_VIOLATIONS = 50

# KEYS: the largest staleness, the violations. ARGV: the field, its seconds, the violation or nothing, how many are
# kept, the TTL (s). A key of another type is removed.
ADD = """
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('UNLINK', KEYS[1]) end
if redis.call('TYPE', KEYS[2]).ok ~= 'list' then redis.call('UNLINK', KEYS[2]) end
local known = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '')
if not known or known < tonumber(ARGV[2]) then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
redis.call('EXPIRE', KEYS[1], ARGV[5])
if ARGV[3] ~= '' then
    redis.call('LPUSH', KEYS[2], ARGV[3])
    redis.call('LTRIM', KEYS[2], 0, ARGV[4] - 1)
    redis.call('EXPIRE', KEYS[2], ARGV[5])
end
"""


@redis_command
def add(redis: Redis, place: str, staleness: float, violation: bytes) -> None:
    """Note a staleness (seconds) of a place, if it is its largest, and a violation, if there is one."""
    args = [place, f"{staleness:.3f}", violation, MAX_VIOLATIONS, STATS_TTL]
    scripts.run(redis, ADD, [audit_key(), violations_key()], args)


@redis_command
def largest(redis: Redis) -> dict[str, float]:
    """The largest staleness (seconds) by place."""
    pipeline = redis.pipeline(transaction=False)
    pipeline.hgetall(audit_key())
    return finite_numbers(pipeline.execute(raise_on_error=False)[0])


@redis_command
def latest(redis: Redis) -> list[bytes]:
    """The last violations, the newest first."""
    pipeline = redis.pipeline(transaction=False)
    pipeline.lrange(violations_key(), 0, MAX_VIOLATIONS - 1)
    found = pipeline.execute(raise_on_error=False)[0]
    return found if isinstance(found, list) else []
