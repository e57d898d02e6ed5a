"""Counts of all processes in Redis, and what Redis says of itself. Raises StoreUnavailable when it cannot be asked.

One hash holds all counts, so that it is in use all the time and the last that a full Redis evicts. By the minute they
stand in a hash per family and ten minutes: up to 128 short fields Redis packs into a few bytes each.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from contextlib import suppress
from math import isfinite
from typing import Any

from systemcache import conf, load_times, scripts
from systemcache.batches import Batch
from systemcache.store import MARKS_LIFE, Client, guarded, marks_key

Counts = dict[str, dict[str, float]]  # by family or meter, then by event

STATS_LIFE = 30 * 86_400  # seconds; every key has an end
SERIES_MINUTES = 25 * 60  # for which counts by the minute are kept
SPAN = 10  # minutes in a key
DIGITS = frozenset(b"%d" % digit for digit in range(10))
METER = "~"  # begins the names of what is no family, and kept in the totals alone


def _stats_key() -> str:
    return f"stats:{conf.prefix()}"


def _series_key(family: str, span: int) -> str:
    return f"series:{conf.prefix()}:{family}:{span}"


@guarded
def add(redis: Client, batch: Batch) -> None:
    """Adds a batch to the counts of all processes, once."""
    span, digit = divmod(batch.minute, SPAN)
    names = list({family for family, event in batch.counts if _in_series(family, event)})
    places = {family: str(place) for place, family in enumerate(names, start=2)}
    words = [batch.writer, batch.number, int(time.time()), STATS_LIFE, 60 * (SERIES_MINUTES + SPAN)]
    for (family, event), amount in batch.counts.items():
        shown = f"{amount:.6f}".rstrip("0").rstrip(".")
        words += ["1", f"{family} {event}", shown]
        if _in_series(family, event):
            words += [places[family], f"{digit}{event}", shown]
    scripts.run(redis, scripts.ADD, [_stats_key(), *(_series_key(name, span) for name in names)], words)


def _in_series(family: str, event: str) -> bool:
    return not family.startswith(METER) and event not in load_times.EVENTS


@guarded
def counts(redis: Client) -> Counts:
    """What all processes have counted."""
    found: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for field, amount in _numbers(_hash(redis, _stats_key())).items():
        name, _, event = field.partition(" ")
        found[name][event] = amount
    return dict(found)


@guarded
def minutes(redis: Client, families: list[str], first: int, last: int) -> dict[int, dict[str, float]]:
    """Counts of these families together by minute (since the epoch) from `first` to `last`."""
    places = [(family, span) for span in range(first // SPAN, last // SPAN + 1) for family in families]
    pipeline = redis.pipeline(transaction=False)
    for family, span in places:
        pipeline.hgetall(_series_key(family, span))
    spans: defaultdict[int, defaultdict[bytes, float]] = defaultdict(lambda: defaultdict(float))
    for (_, span), answer in zip(places, pipeline.execute(raise_on_error=False), strict=True):
        if isinstance(answer, dict):
            # A day of all families holds a hundred thousand: summed before they are taken apart.
            row = spans[span]
            for field, amount in zip(answer, _floats(answer.values()), strict=True):
                row[field] += amount
    return _by_minute(spans)


def _by_minute(spans: Mapping[int, Mapping[bytes, float]]) -> dict[int, dict[str, float]]:
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


@guarded
def mark(redis: Client, what: str) -> None:
    """Marks this moment, unless it is marked already."""
    scripts.run(redis, scripts.MARK, [marks_key()], [what, MARKS_LIFE])


@guarded
def marks(redis: Client) -> dict[str, float]:
    """What was marked, with its time (seconds since the epoch)."""
    return _numbers(_hash(redis, marks_key()))


def _hash(redis: Client, name: str) -> Any:
    """None when it is of another kind."""
    pipeline = redis.pipeline(transaction=False)
    pipeline.hgetall(name)
    return pipeline.execute(raise_on_error=False)[0]


def _numbers(answer: Any) -> dict[str, float]:
    """The numbers in a hash; whatever else somebody has put there is left out."""
    items = answer.items() if isinstance(answer, dict) else ()
    numbers = ((field.decode(errors="replace"), _finite(amount)) for field, amount in items)
    return {field: number for field, number in numbers if number is not None}


@guarded
def info(redis: Client) -> dict[str, Any]:
    """Redis's own INFO."""
    return dict(redis.info())
