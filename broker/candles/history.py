"""Candles through the cache: each group of adjacent missing chunks takes one call to the broker."""

import logging
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from datetime import date
from decimal import Decimal
from functools import partial
from itertools import chain

import msgspec
from django.db import connections

from broker import clock
from broker.cache_families import CANDLES
from broker.candles.chunks import Chunk, chunks, group_adjacent
from broker.clock import IST
from broker.errors import BrokerError
from broker.iifl.client import default_client
from broker.values import Candle, CandleChunk, Contract, Interval
from systemcache import codec, process_state
from systemcache import conf as cache_conf
from systemcache.cached_value import CachedValue, families_of, oldest_entry, state_of
from systemcache.errors import StoreUnavailable
from systemcache.fetching.fetch import bypass
from systemcache.fetching.fetch_many import fetch_many
from systemcache.invalidation import clear
from systemcache.keys import Params
from systemcache.local.ttl_dict import TTLDict

logger = logging.getLogger(__name__)

# The longest range of one call, in days. The broker has a limit (EC809) that its documents do not state; these values
# have worked for other clients for years (iifl_api §3.8).
MAX_DAYS_PER_CALL = {Interval.MINUTE: 45, Interval.MINUTES_5: 90, Interval.MINUTES_10: 90, Interval.MINUTES_15: 90}
MAX_DAYS_PER_HOURLY_CALL = 180
MAX_DAYS_PER_DAILY_CALL = 4_400
MAX_PARALLEL_CALLS = 3

# The days before a group of chunks that are loaded with it, for at least one candle that the chunk before has too.
LOOKBACK_DAYS = 7
LOOKBACK_PERIODS = 2  # of weeks or months
# Relative difference of two closes of the same candle: less is a correction, more an adjustment for a split or bonus.
MAX_CORRECTION = Decimal("0.001")
REPEATED_INVALIDATION_AFTER = 10.0  # seconds before a process invalidates the same symbol's candles again

ChunkResult = CandleChunk | BrokerError
Parts = list[CachedValue[CandleChunk]]


def candles(contract: Contract, name: str, interval: Interval, first: date, last: date) -> CachedValue[list[Candle]]:
    """Return the candles of the days `first` to `last`, as old as the oldest chunk; `name` is the symbol in keys.

    All candles are the contract's own, and of one adjustment for splits and bonuses.
    """
    today = clock.now().date()
    by_first = {str(chunk.first): chunk for chunk in chunks(interval, first, last) if chunk.first <= today}

    def load(missing: list[Params]) -> Sequence[ChunkResult]:
        return _load_chunks(contract, interval, [by_first[str(item["from_date"])] for item in missing])

    def ttl(item: Params) -> int | None:
        is_open = interval.is_open(date.fromisoformat(str(item["to_date"])), today)
        return cache_conf.ttl("candles_today") if is_open else None

    def read() -> Parts:
        return [part for part in fetch_many(CANDLES, keys, load, ttl=ttl) if part]

    keys: list[Params] = [
        {"symbol": name, "interval": interval, "from_date": chunk.first, "to_date": chunk.last}
        for chunk in by_first.values()
    ]
    parts = read()
    wanted = list(by_first.values())
    if not _are_of(contract, parts) or not _have_same_adjustment(interval, wanted, parts):
        _invalidate(name)
        parts = read()
        if not _are_of(contract, parts):  # by a process that has not yet heard that the symbol is another contract
            parts = [bypass(CANDLES, partial(_raise_or_return, result)) for result in load(keys)]
    return _join(wanted, parts, first, last)


def _join(wanted: Sequence[Chunk], parts: Parts, first: date, last: date) -> CachedValue[list[Candle]]:
    """Join the candles that are in the range."""
    rows = (_rows(chunk, part.value, first, last) for chunk, part in zip(wanted, parts, strict=True))
    entry = oldest_entry(parts, b"[%b]" % b",".join(filter(None, rows)))
    return CachedValue(list[Candle], entry, state_of(parts), families=families_of(parts))


def _rows(chunk: Chunk, stored: CandleChunk, first: date, last: date) -> bytes:
    """Return a chunk's candles of the days `first` to `last` as JSON, without the brackets of a list."""
    if first <= chunk.first and chunk.last <= last:
        return bytes(stored.candles)[1:-1]
    candles = codec.decode(bytes(stored.candles), list[Candle])
    return codec.encode(candles[_between(candles, first, last)])[1:-1]


def _between(candles: Sequence[Candle], first: date, last: date) -> slice:
    """Where the candles of some days are; `candles` is in order of time."""
    return slice(bisect_left(candles, first, key=_day), bisect_right(candles, last, key=_day))


def _day(candle: Candle) -> date:
    return candle.time.date()


def _are_of(contract: Contract, parts: Parts) -> bool:
    """Whether the chunks are the contract's: a symbol may have been another contract when they were loaded."""
    return all(part.value.instrument_id == contract.instrument_id for part in parts)


def _have_same_adjustment(interval: Interval, wanted: Sequence[Chunk], parts: Parts) -> bool:
    """Whether each chunk's last candle has the close that the next chunk's load had for it."""
    last: Candle | None = None
    for chunk, part in zip(wanted, parts, strict=True):
        before = part.value.before
        if last and before and _is_same_period(interval, last, before) and _differ(last.close, before.close):
            return False
        if part.value.last:
            loaded_on = part.created.astimezone(IST).date()
            last = None if interval.is_open(chunk.last, loaded_on) else part.value.last
    return True


def _is_same_period(interval: Interval, one: Candle, other: Candle) -> bool:
    if interval.is_intraday:
        return one.time == other.time
    return interval.period_start(one.time.date()) == interval.period_start(other.time.date())


def _differ(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) > MAX_CORRECTION * abs(other)


def _invalidate(name: str) -> None:
    """Invalidate all candles of a symbol; of many readers in this process, the first does it."""
    if not _invalidated.get(name):
        _invalidated.set(name, True, REPEATED_INVALIDATION_AFTER)
        logger.warning("broker: candles of %s are of another contract or another adjustment, loading them again", name)
        with suppress(StoreUnavailable):
            clear.invalidate(f"candles:{name}")


def _raise_or_return(result: ChunkResult) -> CandleChunk:
    if isinstance(result, BrokerError):
        raise result
    return result


_invalidated: TTLDict[bool] = process_state.register(TTLDict())


def _load_chunks(contract: Contract, interval: Interval, missing: list[Chunk]) -> list[ChunkResult]:
    """Return for each missing chunk its candles, or the error that loading them raised."""
    longest = MAX_DAYS_PER_HOURLY_CALL if interval.is_intraday else MAX_DAYS_PER_DAILY_CALL
    groups = group_adjacent(missing, MAX_DAYS_PER_CALL.get(interval, longest) - LOOKBACK_DAYS)
    results = _run_parallel([partial(_load_group, contract, interval, group) for group in groups])
    by_chunk = dict(zip(chain.from_iterable(groups), chain.from_iterable(results), strict=True))
    return [by_chunk[chunk] for chunk in missing]


def _run_parallel(tasks: Sequence[Callable[[], list[ChunkResult]]]) -> list[list[ChunkResult]]:
    """Run the calls side by side, so that a slow one does not delay the others; the rate limiter spaces them out."""
    if len(tasks) == 1:
        return [tasks[0]()]
    default_client().require_session()
    with ThreadPoolExecutor(min(len(tasks), MAX_PARALLEL_CALLS), thread_name_prefix="candles") as pool:
        futures = [pool.submit(copy_context().run, _with_own_db_connections, task) for task in tasks]
        return [future.result() for future in futures]


def _with_own_db_connections(task: Callable[[], list[ChunkResult]]) -> list[ChunkResult]:
    try:
        return task()
    finally:
        connections.close_all()


def _load_group(contract: Contract, interval: Interval, group: list[Chunk]) -> list[ChunkResult]:
    """Load adjacent chunks with one call, whatever the days: the exchange opens for special sessions on any."""
    first, last = group[0].first, min(group[-1].last, clock.now().date())
    try:
        candles = default_client().candles(contract, interval, _look_back(interval, first), last)
    except BrokerError as error:
        return [error for _ in group]
    return [_cut(contract, candles, chunk) for chunk in group]


def _look_back(interval: Interval, first: date) -> date:
    """Return a day before `first` at which a candle of this interval begins, so that no candle is cut."""
    if interval is Interval.WEEK:
        return _days_before(first, LOOKBACK_PERIODS * 7)
    if interval is Interval.MONTH:
        return _days_before(first, LOOKBACK_PERIODS * 31 - 3).replace(day=1)
    return _days_before(first, LOOKBACK_DAYS)


def _days_before(day: date, count: int) -> date:
    """The calendar begins with the year 1, on a Monday."""
    return date.fromordinal(max(date.min.toordinal(), day.toordinal() - count))


def _cut(contract: Contract, candles: list[Candle], chunk: Chunk) -> CandleChunk:
    cut = _between(candles, chunk.first, chunk.last)
    inside = candles[cut]
    return CandleChunk(
        instrument_id=contract.instrument_id,
        candles=msgspec.Raw(codec.encode(inside)),
        last=inside[-1] if inside else None,
        before=candles[cut.start - 1] if cut.start else None,
    )
