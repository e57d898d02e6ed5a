"""Response types of the cache's own API, for the OpenAPI schema and for tests."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from systemcache.codec import Moment
from systemcache.operations.health import ComponentHealth
from systemcache.operations.warming import FailedStep, Report, WarmedStep


class FamilyStatistics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Statistics of one family. Load times are in seconds; the quantiles are estimates, null before the first load.

    `site_reads` are the site's own, such as warming, and none of the other reads.
    """

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
    site_reads: int
    load_p50: float | None
    load_p95: float | None
    hit_rate_percent: float | None


class RedisInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Redis's INFO. Memory is in bytes, maxmemory 0 without a limit; all fields are null while Redis is down."""

    version: str | None
    used_memory: int | None
    maxmemory: int | None
    evicted_keys: int | None
    connected_clients: int | None
    uptime_seconds: int | None


class Statistics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Counts of all processes; while Redis is down (connected: false), of the process that answers."""

    hits: int
    misses: int
    hit_rate_percent: float | None
    near_hits: int
    saved_calls: int
    redis_keyspace_hits: int | None
    redis_keyspace_misses: int | None
    connected: bool
    breaker: str
    redis: RedisInfo
    families: dict[str, FamilyStatistics]


class ClearResponse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many values were cleared, or would be with dry_run, and the globs that select their keys."""

    keys: int
    dry_run: bool
    patterns: list[str]


class FamilyResponse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A family of cached values. Times are in seconds."""

    name: str
    key: str
    ttl: int
    stale_for: int
    tags: list[str]


class FamiliesResponse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    as_of: Moment
    stale: bool
    data: list[FamilyResponse]


class KeyResponse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key. `ttl` is in seconds; ttl and bytes are null if the key has expired meanwhile."""

    key: str
    family: str | None
    ttl: int | None
    bytes: int | None


class KeysResponse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of keys."""

    as_of: Moment
    stale: bool
    count: int | None
    next: str | None
    previous: str | None
    data: list[KeyResponse]
    cursor: Annotated[int, msgspec.Meta(description="For ?cursor= of the next page; 0 on the last page")]
    keys: Annotated[
        list[KeyResponse],
        msgspec.Meta(description="The name of `data` until 0.3", extra_json_schema={"deprecated": True}),
    ]


class HealthResponse(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`facts` are sent to staff only."""

    status: str
    facts: list[ComponentHealth] | None = None


# --- examples for the OpenAPI schema -------------------------------------------------------------------------

AT = datetime(2026, 1, 5, 4, 32, 11, tzinfo=UTC)
FAMILY = FamilyStatistics(21, 0, 1, 0, 0, 1, 0.212, 0, 3, 0, 0, 0, 2, 0.175, 0.2425, 95.45)
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
    redis=RedisInfo("7.0.15", 1_482_304, 104_857_600, 0, 9, 86_400),
    families={"holdings": FAMILY},
)
CLEARED = ClearResponse(keys=12, dry_run=False, patterns=["api:candles:RELIANCE:*"])
CANDLES = FamilyResponse(
    "candles", "api:candles:{symbol}:{interval}:{from_date}:{to_date}", 86_400, 604_800, ["candles:{symbol}"]
)
FAMILIES = FamiliesResponse(AT, False, [CANDLES])
KEY_ROWS = [KeyResponse("api:holdings", "holdings", 24, 1_632)]
KEYS = KeysResponse(AT, False, None, None, None, KEY_ROWS, 0, KEY_ROWS)
WARMED = Report(
    warmed=[WarmedStep("holdings", "holdings", "miss", 0.21), WarmedStep("profile", "profile", "hit", 0.001)],
    failed=[FailedStep("candles", "daily candles of INFY", "The broker did not answer within 30 seconds.")],
    left=[],
    seconds=30.4,
)
HEALTH = HealthResponse(
    "up",
    [
        ComponentHealth("database", True, "PostgreSQL"),
        ComponentHealth("redis", True, "version 7.0.15, 1.5 MB of 105 MB used"),
        ComponentHealth("breaker", True, "closed"),
        ComponentHealth("broker session", True, "until midnight (IST)", datetime(2026, 1, 5, 18, 30, tzinfo=UTC)),
    ],
)
