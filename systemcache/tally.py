"""Counts of all processes in Redis, and what Redis says of itself. Raises StoreUnavailable when it cannot be asked."""

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from systemcache import conf
from systemcache.store import Client, guarded

STATS_LIFE = 30 * 86_400  # seconds; every key has an end


def _stats_key(name: str) -> str:
    return f"stats:{conf.prefix()}:{name}"


@guarded
def add_counts(redis: Client, counts: Mapping[tuple[str, str], float]) -> None:
    """Adds to the counts of all processes: {(family, event): how much}. What cannot be counted on makes way."""
    pipeline = redis.pipeline(transaction=True)
    for (family, event), amount in counts.items():
        pipeline.hincrbyfloat(_stats_key(family), event, amount)
    for family in {family for family, _ in counts}:
        pipeline.expire(_stats_key(family), STATS_LIFE)
    answers = pipeline.execute(raise_on_error=False)
    spoilt = [family for (family, _), answer in zip(counts, answers, strict=False) if isinstance(answer, Exception)]
    if spoilt:
        redis.unlink(*map(_stats_key, spoilt))


@guarded
def counts(redis: Client, families: list[str]) -> dict[str, dict[str, float]]:
    """Per family, what all processes have counted."""
    pipeline = redis.pipeline(transaction=False)
    for family in families:
        pipeline.hgetall(_stats_key(family))
    answers = pipeline.execute(raise_on_error=False)
    return {family: _numbers(answer) for family, answer in zip(families, answers, strict=True)}


def _numbers(answer: Any) -> dict[str, float]:
    """The counts in a hash; whatever else somebody has put there is left out."""
    found: dict[str, float] = {}
    for event, amount in answer.items() if isinstance(answer, dict) else ():
        with suppress(ValueError):
            number = float(amount)
            if math.isfinite(number):
                found[event.decode()] = number
    return found


@guarded
def info(redis: Client) -> dict[str, Any]:
    """Redis's own INFO."""
    return dict(redis.info())
