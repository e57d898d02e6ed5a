"""Asking a source: counted, so many at once, and left alone for a moment after it has failed."""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from time import perf_counter
from typing import Any, Generic, TypeVar

from systemcache import conf, loading, stats
from systemcache.families import Family
from systemcache.fetched import now
from systemcache.flights import now as moment
from systemcache.recent import Recent

T = TypeVar("T")

logger = logging.getLogger(__name__)
LEFT_ALONE = "left_alone_until"  # on a failure: the moment
failures: Recent[Exception] = Recent()  # by key


def event(family: Family[Any], state: str) -> dict[str, str]:
    """What log lines that are read by programs say apart."""
    return {"family": family.name, "state": state}


class Answer(Generic[T]):
    """What a source answered, with the time at which it was asked: a value is never younger than what it shows."""

    __slots__ = ("created", "sound_at", "value")

    def __init__(self, loader: Callable[[], T]) -> None:
        self.created, self.sound_at = now(), moment()
        self.value = loader()


def ask_source(family: Family[Any], key: str, loader: Callable[[], T]) -> Answer[T]:
    """Loads, and counts it. A source that failed for this key a moment ago is not asked: its error is raised again."""
    if failure := failures.get(key):
        raise failure.with_traceback(None)
    started = perf_counter()
    with nullcontext() if family.strict else loading.place():
        try:
            answer = Answer(loader)
        except Exception as error:
            failed(family, key, error)
            raise
    seconds = perf_counter() - started
    stats.count_load(family.name, seconds)
    logger.debug("cache: %s was loaded in %.3f s", family.name, seconds, extra=event(family, "load"))
    return answer


def failed(family: Family[Any], key: str, error: Exception) -> None:
    """Counts a failure, and leaves the source alone for this key for a moment."""
    stats.count(family.name, "load_errors")
    logger.debug("cache: %s could not be loaded: %s", family.name, error, extra=event(family, "load_error"))
    if source_failed(error) and not family.strict:
        failures.keep(key, error, _left_alone(error))


def _left_alone(error: Exception) -> float:
    """Seconds for which its source is not asked again.

    What is computed fails by the failure of another value that may be some seconds old: it is not to be remembered
    for longer than that one.
    """
    until: float = getattr(error, LEFT_ALONE, 0.0)
    if until <= moment():
        until = moment() + getattr(error, "ask_again_after", conf.cool_down())
        setattr(error, LEFT_ALONE, until)
    return until - moment()


def source_failed(error: Exception) -> bool:
    """Whether the source is at fault, and not the caller (an error with a 4xx status)."""
    return int(getattr(error, "status_code", 500)) >= 500
