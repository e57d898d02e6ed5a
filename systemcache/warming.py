"""Fills the cache before anybody asks: apps register what is worth it in AppConfig.ready().

A step is an ordinary read: it loads what is missing, through the same leases and limits as anybody's, and costs nothing
where the value is fresh.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from time import perf_counter
from typing import Any, NamedTuple

import msgspec
from django.utils.module_loading import import_string

from systemcache import families
from systemcache.fetched import Fetched, state_of

logger = logging.getLogger(__name__)


class Step(NamedTuple):
    """A read of one family. `what` is for people."""

    family: str
    what: str
    read: Callable[[], Fetched[Any] | list[Fetched[Any]]]


class Warmed(msgspec.Struct, frozen=True):
    """state: hit (it was warm), miss (it is now), stale (its source fails), bypass (Redis is away)."""

    family: str
    what: str
    state: str
    seconds: float


class Failed(msgspec.Struct, frozen=True):
    family: str
    what: str
    error: str


class Report(msgspec.Struct, frozen=True):
    """What a run did; `left` are steps that its time was too short for."""

    warmed: list[Warmed]
    failed: list[Failed]
    left: list[str]
    seconds: float


Warmer = Callable[[], Iterable[Step]]
Told = Warmer | str  # by its dotted name it is imported when it runs, with the clients that it reads with
Around = Callable[[float], AbstractContextManager[None]]
_warmers: list[Told] = []
_around: list[Around] = []


def register(warmer: Told) -> None:
    """Its steps are asked for anew in each run, in the order of registration."""
    if warmer not in _warmers:
        _warmers.append(warmer)


def surround(around: Around) -> None:
    """Runs happen inside: it is told how many seconds a step may wait for its source's limits."""
    if around not in _around:
        _around.append(around)


def run(
    *, family: str = "", longest: float = float("inf"), patience: float, before_step: Callable[[], object] = bool
) -> Report:
    """Takes every step, or those of one family; none begins after `longest` seconds. Raises UnknownFamily.

    `patience`: seconds that a step may wait for its source's limits. What `before_step` raises ends the run.
    """
    if family:
        families.named(family)
    started = perf_counter()
    warmed: list[Warmed] = []
    failed: list[Failed] = []
    left: list[str] = []
    with ExitStack() as inside:
        for around in _around:
            inside.enter_context(around(patience))
        for step in _steps(family, failed):
            before_step()
            if perf_counter() - started > longest:
                left.append(step.what)
                continue
            outcome = _taken(step)
            (warmed if isinstance(outcome, Warmed) else failed).append(outcome)  # type: ignore[arg-type]  # its own list
    return Report(warmed, failed, left, round(perf_counter() - started, 3))


def _steps(family: str, failed: list[Failed]) -> Iterator[Step]:
    for warmer in _warmers:
        try:
            listed = import_string(warmer) if isinstance(warmer, str) else warmer
            steps = [step for step in listed() if family in ("", step.family)]
        except Exception as error:
            # What one app cannot list is no reason to leave the others cold.
            failed.append(Failed("", str(getattr(warmer, "__module__", warmer)), _said(error)))
            continue
        yield from steps


def _taken(step: Step) -> Warmed | Failed:
    started = perf_counter()
    try:
        found = step.read()
    except Exception as error:
        # Whatever a source's trouble is, the next step may do better.
        logger.info("cache: %s could not be warmed: %s", step.what, _said(error))
        return Failed(step.family, step.what, _said(error))
    state = state_of(found if isinstance(found, list) else [found])
    return Warmed(step.family, step.what, state, round(perf_counter() - started, 3))


def _said(error: Exception) -> str:
    """Our own errors say what to do; others are named by their kind, since their text may quote anything."""
    return str(error) if hasattr(error, "status_code") else type(error).__name__
