"""What the cache's own API answers, as types: for its description, and for tests to hold it to."""

from datetime import UTC, datetime

import msgspec

from systemcache.health import Fact
from systemcache.warming import Failed, Report, Warmed


class FamilyStatistics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one family. Load times in seconds; the quantiles are estimates, null before the first load."""

    hits: int
    near_hits: int
    misses: int
    stale: int
    bypasses: int
    loads: int
    load_seconds: float
    load_errors: int
    waits: int
    lease_waits: int
    refused: int
    undecodable: int
    load_p50: float | None
    load_p95: float | None
    hit_rate_percent: float | None


class RedisState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What Redis says of itself; memory in bytes, maxmemory 0 without a limit; all null while it is away."""

    version: str | None
    used_memory: int | None
    maxmemory: int | None
    evicted_keys: int | None
    connected_clients: int | None
    uptime_seconds: int | None


class Statistics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Counts of all processes; of the one that answers alone while Redis is away (connected: false)."""

    hits: int
    misses: int
    hit_rate_percent: float | None
    near_hits: int
    saved_calls: int
    redis_keyspace_hits: int | None
    redis_keyspace_misses: int | None
    connected: bool
    breaker: str
    redis: RedisState
    families: dict[str, FamilyStatistics]


class ClearAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many values were dropped, or would be, and by which globs of keys."""

    keys: int
    dry_run: bool
    patterns: list[str]


class FamilyAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Times in seconds."""

    name: str
    key: str
    ttl: int
    stale_for: int
    tags: list[str]


class KeyAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """ttl in seconds, size in bytes; null for a key that has gone meanwhile."""

    key: str
    family: str | None
    ttl: int | None
    bytes: int | None


class KeysAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page; with `cursor` 0 it is the last one."""

    cursor: int
    keys: list[KeyAnswer]


class HealthAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`facts` are for staff alone."""

    status: str
    facts: list[Fact] | None = None


# --- examples ------------------------------------------------------------------------------------------------

FAMILY = FamilyStatistics(21, 0, 1, 0, 0, 1, 0.212, 0, 3, 0, 0, 0, 0.175, 0.2425, 95.45)
STATISTICS = Statistics(
    hits=21,
    misses=1,
    hit_rate_percent=95.45,
    near_hits=0,
    saved_calls=21,
    redis_keyspace_hits=180,
    redis_keyspace_misses=12,
    connected=True,
    breaker="closed",
    redis=RedisState("7.0.15", 1_482_304, 104_857_600, 0, 9, 86_400),
    families={"holdings": FAMILY},
)
CLEARED = ClearAnswer(keys=12, dry_run=False, patterns=["api:candles:RELIANCE:*"])
CANDLES = FamilyAnswer(
    "candles", "api:candles:{symbol}:{interval}:{from_date}:{to_date}", 86_400, 604_800, ["candles:{symbol}"]
)
KEYS = KeysAnswer(0, [KeyAnswer("api:holdings", "holdings", 24, 1_632)])
WARMED = Report(
    warmed=[Warmed("holdings", "holdings", "miss", 0.21), Warmed("profile", "profile", "hit", 0.001)],
    failed=[Failed("candles", "daily candles of INFY", "The broker did not answer within 30 seconds.")],
    left=[],
    seconds=30.4,
)
HEALTH = HealthAnswer(
    "up",
    [
        Fact("database", True, "PostgreSQL"),
        Fact("redis", True, "version 7.0.15, 1.5 MB of 105 MB used"),
        Fact("breaker", True, "closed"),
        Fact("broker session", True, "until midnight (IST)", datetime(2026, 1, 5, 18, 30, tzinfo=UTC)),
    ],
)
