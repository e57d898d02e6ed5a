"""The counts of all processes, and what Redis reports of itself.

One hash holds all counts, so that it is always in use and the last that a full Redis evicts. The counts by the minute
and by the half hour stand in a hash per family and ten steps: Redis packs up to 128 short fields into a few bytes each.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from contextlib import suppress
from math import isfinite
from typing import Any, NamedTuple

from redis import Redis
from redis.exceptions import NoPermissionError

from systemcache.storage import scripts
from systemcache.storage.connection import note_refusal, redis_command
from systemcache.storage.key_names import MARKS_TTL, marks_key, series_key, stats_key

Counts = dict[str, dict[str, float]]  # by family or meter, then by event
CountKey = tuple[str, str]  # a family's name, or a meter's; the event


class Resolution(NamedTuple):
    """Counts in steps of so many minutes, kept for so many."""

    minutes: int
    kept: int


STATS_TTL = 30 * 86_400  # seconds
BY_MINUTE = Resolution(1, 25 * 60)
BY_HALF_HOUR = Resolution(30, 31 * 24 * 60)  # India's hours and days begin at half hours of UTC
RESOLUTIONS = (BY_MINUTE, BY_HALF_HOUR)
SPAN = 10  # steps in a key
MAX_MARKS = 200
DIGITS = frozenset(b"%d" % digit for digit in range(10))

# KEYS: counts, then for each family that the batch has counts of a hash of some minutes and one of some half hours.
# ARGV: the writer, the batch's number, now (s), the TTL of counts (s); the step in the hashes of minutes and their TTL,
# and the same for half hours; then for each count the number of its family (0: it has no series), the field among
# all counts, the event, the amount.
# Adds a batch once: its number stands beside the counts, so that both survive or are evicted together. The number is
# noted first: a full or read-only Redis refuses there, before anything is added. (After a script's first write, and
# deleting a key that is not there is one, a full Redis takes in the rest.) Writers that have been silent for a
# day are forgotten when a new one comes. A key of another type is removed.
ADD = """
local function made_hash(key)
    local kind = redis.call('TYPE', key).ok
    if kind ~= 'hash' and kind ~= 'none' then redis.call('UNLINK', key) end
end
made_hash(KEYS[1])
local mark = '@' .. ARGV[1]
local last = redis.call('HGET', KEYS[1], mark)
if last and tonumber(string.match(last, '^%d+') or 0) >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], mark, ARGV[2] .. ' ' .. ARGV[3])
if not last then
    local all = redis.call('HGETALL', KEYS[1])
    for i = 1, #all, 2 do
        local seen = string.sub(all[i], 1, 1) == '@' and tonumber(string.match(all[i + 1], ' (%d+)$') or 0)
        if seen and seen < ARGV[3] - 86400 then redis.call('HDEL', KEYS[1], all[i]) end
    end
end
for i = 2, #KEYS do made_hash(KEYS[i]) end
local function add(key, field, amount)
    local added = redis.pcall('HINCRBYFLOAT', key, field, amount)
    if type(added) == 'table' and added.err then redis.call('HSET', key, field, amount) end
end
for i = 9, #ARGV, 4 do
    local family, event, amount = tonumber(ARGV[i]), ARGV[i + 2], ARGV[i + 3]
    add(KEYS[1], ARGV[i + 1], amount)
    if family > 0 then
        add(KEYS[2 * family], ARGV[5] .. event, amount)
        add(KEYS[2 * family + 1], ARGV[7] .. event, amount)
    end
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
for i = 2, #KEYS, 2 do
    redis.call('EXPIRE', KEYS[i], ARGV[6])
    redis.call('EXPIRE', KEYS[i + 1], ARGV[8])
end
return 1
"""

# KEYS: marks. ARGV: what to mark, its TTL (s), how many to keep. Marks it once, and forgets the oldest.
MARK = """
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('UNLINK', KEYS[1]) end
local now = redis.call('TIME')[1]
redis.call('HSETNX', KEYS[1], ARGV[1], now)
redis.call('EXPIRE', KEYS[1], ARGV[2])
local all, marks = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #all, 2 do
    local at = tonumber(all[i + 1]) or 0
    marks[#marks + 1] = {at == at and at or 0, all[i]}
end
table.sort(marks, function(a, b) return a[1] > b[1] or (a[1] == b[1] and a[2] > b[2]) end)
for i, mark in ipairs(marks) do
    if i > tonumber(ARGV[3]) or mark[1] < now - ARGV[2] then redis.call('HDEL', KEYS[1], mark[2]) end
end
"""


@redis_command
def add(
    redis: Redis, writer: str, number: int, minute: int, counts: Mapping[CountKey, float], in_series: set[CountKey]
) -> None:
    """Add a writer's numbered batch of counts once; those in `in_series` also to their minute (since the epoch)."""
    families = list({family for family, _ in in_series})
    numbers = {family: number for number, family in enumerate(families, start=1)}
    keys, args = [stats_key()], [writer, number, int(time.time()), STATS_TTL]
    for resolution in RESOLUTIONS:
        args += [minute // resolution.minutes % SPAN, 60 * (resolution.kept + SPAN * resolution.minutes)]
    for family in families:
        keys += [series_key(family, each.minutes, minute // each.minutes // SPAN) for each in RESOLUTIONS]
    for (family, event), amount in counts.items():
        text = f"{amount:.6f}".rstrip("0").rstrip(".")
        args += [numbers[family] if (family, event) in in_series else 0, f"{family} {event}", event, text]
    scripts.run(redis, ADD, keys, args)


@redis_command
def counts(redis: Redis) -> Counts:
    """What all processes have counted."""
    found: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for field, amount in finite_numbers(_hash(redis, stats_key())).items():
        name, _, event = field.partition(" ")
        found[name][event] = amount
    return dict(found)


@redis_command
def over_time(
    redis: Redis, resolution: Resolution, families: list[str], first: int, last: int
) -> dict[int, dict[str, float]]:
    """Counts of these families together by step (since the epoch) from `first` to `last`."""
    places = [(family, span) for span in range(first // SPAN, last // SPAN + 1) for family in families]
    pipeline = redis.pipeline(transaction=False)
    for family, span in places:
        pipeline.hgetall(series_key(family, resolution.minutes, span))
    spans: defaultdict[int, defaultdict[bytes, float]] = defaultdict(lambda: defaultdict(float))
    for (_, span), answer in zip(places, pipeline.execute(raise_on_error=False), strict=True):
        if isinstance(answer, dict):
            # A day of all families holds a hundred thousand: summed before they are taken apart.
            row = spans[span]
            for field, amount in zip(answer, _floats(answer.values()), strict=True):
                row[field] += amount
    return _by_step(spans)


def _by_step(spans: Mapping[int, Mapping[bytes, float]]) -> dict[int, dict[str, float]]:
    found: defaultdict[int, dict[str, float]] = defaultdict(dict)
    for span, row in spans.items():
        for field, amount in row.items():
            if field[:1] in DIGITS:
                found[span * SPAN + int(field[:1])][field[1:].decode(errors="replace")] = amount
    return found


def _floats(amounts: Collection[bytes]) -> list[float]:
    """What is no finite number counts as nothing."""
    with suppress(ValueError):
        found = list(map(float, amounts))
        if isfinite(sum(found)):
            return found
    return [_finite(amount) or 0.0 for amount in amounts]


def _finite(amount: bytes) -> float | None:
    with suppress(ValueError):
        number = float(amount)
        return number if isfinite(number) else None
    return None


@redis_command
def mark(redis: Redis, what: str) -> None:
    """Marks this moment, unless it is marked already."""
    scripts.run(redis, MARK, [marks_key()], [what, MARKS_TTL, MAX_MARKS])


@redis_command
def marks(redis: Redis) -> dict[str, float]:
    """What was marked, with its time (seconds since the epoch)."""
    return finite_numbers(_hash(redis, marks_key()))


def _hash(redis: Redis, name: str) -> Any:
    """None when it is of another kind."""
    pipeline = redis.pipeline(transaction=False)
    pipeline.hgetall(name)
    return pipeline.execute(raise_on_error=False)[0]


def finite_numbers(answer: Any) -> dict[str, float]:
    """The numbers in a hash; other values are ignored."""
    items = answer.items() if isinstance(answer, dict) else ()
    numbers = ((field.decode(errors="replace"), _finite(amount)) for field, amount in items)
    return {field: number for field, number in numbers if number is not None}


@redis_command
def info(redis: Redis) -> dict[str, Any]:
    """Redis's own INFO; empty for a user of Redis without the right to it."""
    try:
        return dict(redis.info())
    except NoPermissionError as error:
        note_refusal(error)
        return {}
