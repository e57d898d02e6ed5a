"""Candles through the cache: chunks that are there are read, runs of missing ones are asked for, a call each."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import chain

from django.db import connections

from broker import tokens
from broker.cache_families import CANDLES
from broker.chunks import DAY, Chunk, chunks, runs
from broker.client import default_client
from broker.errors import BrokerError
from broker.values import Candle, Contract, Interval
from systemcache import conf as cache_conf
from systemcache.batch import fetch_many
from systemcache.fetched import Fetched, combined
from systemcache.keys import Params

OPENS = time(9, 15)  # IST
# The longest ranges asked for in one call, in days: the broker has a limit (EC809) and names none. Those of clients
# that have asked for years (iifl_api §3.8).
LONGEST_CALL = {Interval.MINUTE: 45, Interval.MINUTES_5: 90, Interval.MINUTES_10: 90, Interval.MINUTES_15: 90}
LONGEST_HOURLY_CALL = 180
LONGEST_DAILY_CALL = 4_400
# The exchange has never been closed for so many days in a row: a longer run holds a session.
LONGEST_CLOSURE = 6
CALLS_AT_ONCE = 3

Answer = list[Candle] | BrokerError


def candles(contract: Contract, name: str, interval: Interval, first: date, last: date) -> Fetched[list[Candle]]:
    """Candles whose day lies between `first` and `last`, as old as the oldest chunk; `name` is the keys' symbol."""
    now = tokens.now()
    reached = [chunk for chunk in chunks(interval, first, last) if chunk.first <= now.date()]
    by_first = {str(chunk.first): chunk for chunk in reached}

    def load(missing: list[Params]) -> Sequence[Answer]:
        wanted = [by_first[str(item["from_date"])] for item in missing]
        return _loaded(contract, name, interval, wanted)

    def ttl(item: Params) -> int | None:
        is_open = interval.is_open(date.fromisoformat(str(item["to_date"])), now.date())
        return cache_conf.ttl("candles_today") if is_open else None

    wanted: list[Params] = [
        {"symbol": name, "interval": interval, "from_date": chunk.first, "to_date": chunk.last} for chunk in reached
    ]
    parts = [part for part in fetch_many(CANDLES, wanted, load, ttl=ttl) if part]
    within = (candle for part in parts for candle in part.value if first <= candle.time.date() <= last)
    return combined(list[Candle], list(within), parts)


def _loaded(contract: Contract, name: str, interval: Interval, missing: list[Chunk]) -> list[Answer]:
    """For each missing chunk its candles, or why they cannot be had."""
    wanted = runs(missing, _longest_call(interval))
    answers = _in_parallel([partial(_run, contract, name, interval, run) for run in wanted])
    by_chunk = dict(zip(chain.from_iterable(wanted), chain.from_iterable(answers), strict=True))
    return [by_chunk[chunk] for chunk in missing]


def _longest_call(interval: Interval) -> int:
    return LONGEST_CALL.get(interval, LONGEST_HOURLY_CALL if interval.is_intraday else LONGEST_DAILY_CALL)


def _in_parallel(tasks: Sequence[Callable[[], list[Answer]]]) -> list[list[Answer]]:
    """The limiter spaces the calls out; that one takes its time shall not keep the others waiting."""
    if len(tasks) == 1:
        return [tasks[0]()]
    default_client().require_session()
    with ThreadPoolExecutor(min(len(tasks), CALLS_AT_ONCE), thread_name_prefix="candles") as pool:
        futures = [pool.submit(copy_context().run, _with_its_own_connections, task) for task in tasks]
        return [future.result() for future in futures]


def _with_its_own_connections(task: Callable[[], list[Answer]]) -> list[Answer]:
    try:
        return task()
    finally:
        connections.close_all()


def _run(contract: Contract, name: str, interval: Interval, run: list[Chunk]) -> list[Answer]:
    """One call, cut into chunks; none if all that it could bring is nothing."""
    first, last = run[0].first, min(run[-1].last, tokens.now().date())
    try:
        if not _may_hold_candles(contract, name, interval, first, last):
            return [[] for _ in run]
        found = default_client().candles(contract, interval, first, last)
    except BrokerError as error:
        return [error for _ in run]
    return _cut(found, run)


def _cut(found: list[Candle], run: list[Chunk]) -> list[Answer]:
    """The candles of each chunk; `found` is in order of time, and may be 45 days of minutes."""
    days = [candle.time.date() for candle in found]
    return [found[bisect_left(days, chunk.first) : bisect_right(days, chunk.last)] for chunk in run]


def _may_hold_candles(contract: Contract, name: str, interval: Interval, first: date, last: date) -> bool:
    now = tokens.now()
    days = [first + number * DAY for number in range(min((last - first).days + 1, LONGEST_CLOSURE + 1))]
    if len(days) > LONGEST_CLOSURE:
        return True
    if last == now.date() and _has_opened(now):
        return True
    past = [day for day in days if day < now.date()]
    if not interval.is_intraday:
        return any(_is_weekday(day) for day in past)
    return bool(past) and _had_a_session(contract, name, past)


def _had_a_session(contract: Contract, name: str, days: list[date]) -> bool:
    """What the daily candles say, which know holidays and sessions on a Saturday; without them the day of the week."""
    try:
        known = candles(contract, name, Interval.DAY, days[0] - timedelta(days=10), days[-1] + timedelta(days=10)).value
    except BrokerError:
        known = []
    if not known:  # an index such as INDIA VIX has no daily candles (iifl_api §3.8)
        return any(_is_weekday(day) for day in days)
    return not {candle.time.date() for candle in known}.isdisjoint(days)


def _has_opened(now: datetime) -> bool:
    return _is_weekday(now.date()) and now.time() >= OPENS


def _is_weekday(day: date) -> bool:
    return day.weekday() < 5
