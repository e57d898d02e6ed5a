"""Names that were requested recently, over all processes: a sorted set by time, bounded in age and number."""

from collections.abc import Collection
from typing import cast

from redis import Redis

from systemcache.storage.connection import redis_command
from systemcache.storage.key_names import recent_key


@redis_command
def add(redis: Redis, which: str, names: Collection[str], moment: float, *, keep: int, most: int) -> None:
    """Note that these names were requested at `moment` (seconds since 1970). They are kept for `keep` seconds, and at
    most the latest `most` of all names.
    """
    key = recent_key(which)
    pipeline = redis.pipeline(transaction=False)
    pipeline.zadd(key, dict.fromkeys(names, moment), gt=True)
    pipeline.zremrangebyscore(key, "-inf", moment - keep)
    pipeline.zremrangebyrank(key, 0, -most - 1)
    pipeline.expire(key, keep)
    pipeline.execute()


@redis_command
def since(redis: Redis, which: str, moment: float) -> list[str]:
    """Return the names that were requested since then, the latest first."""
    found = cast("list[bytes]", redis.zrevrangebyscore(recent_key(which), "+inf", moment))
    return [name.decode("utf-8", "replace") for name in found]
