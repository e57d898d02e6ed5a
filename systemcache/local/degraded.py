"""Degraded mode: reads while Redis is away go to the source, one load per process and key, and are held briefly.

Families that show our own tables are neither joined nor held: another process may have written meanwhile, and without
Redis this process would not hear of it. The database bears that better than a source with three calls a second would.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from systemcache import clock, conf, process_state
from systemcache.cached_value import CachedValue
from systemcache.families import Family
from systemcache.local.singleflight import SingleFlight
from systemcache.local.ttl_dict import TTLDict

T = TypeVar("T")


class _DegradedReads:
    def __init__(self) -> None:
        self.single_flight: SingleFlight[CachedValue[Any]] = SingleFlight()
        self.held: TTLDict[CachedValue[Any]] = TTLDict()
        self.valid_from = 0.0  # what was loaded before is not shown any more

    def reset(self) -> None:
        self.single_flight.reset()
        self.held.reset()
        self.valid_from = 0.0


_reads = process_state.register(_DegradedReads())


def read_degraded(family: Family[T], key: str, load: Callable[[], CachedValue[T]], since: float) -> CachedValue[T]:
    """A value that is held, or else from its source. `since`: when the caller came (monotonic seconds)."""
    if family.strict:
        return load()
    if value := held(key):
        return value
    outcome, _ = _reads.single_flight.run(key, load, since=since - conf.degraded_hold(), wait=family.load_timeout)
    if outcome is None:
        outcome = load()
    hold_briefly(family, key, outcome)
    return outcome


def held(key: str) -> CachedValue[Any] | None:
    value = _reads.held.get(key)
    return value if value and value.current_at >= _reads.valid_from else None


def hold_briefly(family: Family[T], key: str, value: CachedValue[T]) -> None:
    """Hold a value from when it was loaded, never past its TTL."""
    if not family.strict:
        seconds = value.current_at + min(conf.degraded_hold(), family.ttl) - clock.monotonic()
        _reads.held.set(key, value, seconds)


def discard() -> None:
    """Drop everything that was loaded before, or by a load under way: Redis is back, or something was invalidated."""
    _reads.valid_from = clock.monotonic()
    _reads.single_flight.clear()
    _reads.held.clear()
