"""Cache warming: fills the cache before the first request. Apps register warmers in AppConfig.ready().

A step is an ordinary read: it loads what is missing, under the same leases and rate limits as any other read, and costs
nothing if the value is fresh. In the statistics it is no caller's read.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from time import perf_counter
from typing import Any, NamedTuple

import msgspec
from django.utils.module_loading import import_string

from systemcache import families
from systemcache.cached_value import CachedValue, state_of
from systemcache.stats import counters

logger = logging.getLogger(__name__)


class Step(NamedTuple):
    """A read of one family. `what` describes it in reports."""

    family: str
    what: str
    read: Callable[[], CachedValue[Any] | list[CachedValue[Any]]]


class WarmedStep(msgspec.Struct, frozen=True):
    """state: hit (it was fresh), miss (it was loaded), stale (its source fails), bypass (Redis is down)."""

    family: str
    what: str
    state: str
    seconds: float


class FailedStep(msgspec.Struct, frozen=True):
    family: str
    what: str
    error: str


class Report(msgspec.Struct, frozen=True):
    """What a run did; `left` names the steps that it had no time for."""

    warmed: list[WarmedStep]
    failed: list[FailedStep]
    left: list[str]
    seconds: float


Warmer = Callable[[], Iterable[Step]]
WarmerRef = Warmer | str  # a dotted name is imported when it runs, and with it the clients that it reads through
WaitLimiter = Callable[[float], AbstractContextManager[None]]
warmers: dict[WarmerRef, str] = {}
wait_limiters: list[WaitLimiter] = []


def register(warmer: WarmerRef, description: str = "") -> None:
    """Add a warmer, which lists its steps in each run. `description` tells operators what it warms."""
    warmers.setdefault(warmer, description)


def descriptions() -> list[str]:
    """What the registered warmers warm."""
    return [description for description in warmers.values() if description]


def add_wait_limiter(wait_limiter: WaitLimiter) -> None:
    """Run every step inside this context manager, called with the seconds that a step may wait for a rate limit."""
    if wait_limiter not in wait_limiters:
        wait_limiters.append(wait_limiter)


def run(
    *, family: str = "", time_limit: float = float("inf"), max_wait: float, before_step: Callable[[], object] = bool
) -> Report:
    """Run every step, or those of one family. Raises UnknownFamily.

    No step begins after `time_limit` seconds; a step waits at most `max_wait` seconds for its source's rate limit. An
    exception from `before_step` ends the run.
    """
    if family:
        families.named(family)
    started = perf_counter()
    warmed: list[WarmedStep] = []
    failed: list[FailedStep] = []
    left: list[str] = []
    with ExitStack() as stack:
        for wait_limiter in wait_limiters:
            stack.enter_context(wait_limiter(max_wait))
        for step in _steps(family, failed):
            before_step()
            if perf_counter() - started > time_limit:
                left.append(step.what)
                continue
            result = run_step(step)
            (warmed if isinstance(result, WarmedStep) else failed).append(result)  # type: ignore[arg-type]  # its own list
    return Report(warmed, failed, left, round(perf_counter() - started, 3))


def _steps(family: str, failed: list[FailedStep]) -> Iterator[Step]:
    for warmer in warmers:
        try:
            list_steps = import_string(warmer) if isinstance(warmer, str) else warmer
            steps = [step for step in list_steps() if family in ("", step.family)]
        except Exception as error:
            # A warmer that cannot list its steps must not keep the others from running.
            failed.append(FailedStep("", str(getattr(warmer, "__module__", warmer)), _error_text(error)))
            continue
        yield from steps


def run_step(step: Step) -> WarmedStep | FailedStep:
    started = perf_counter()
    try:
        with counters.site_reads():
            result = step.read()
    except Exception as error:
        # Whatever is wrong with this source, the next step may succeed.
        logger.info("cache: warming %s failed: %s", step.what, _error_text(error))
        return FailedStep(step.family, step.what, _error_text(error))
    state = state_of(result if isinstance(result, list) else [result])
    return WarmedStep(step.family, step.what, state, round(perf_counter() - started, 3))


def _error_text(error: Exception) -> str:
    """The message of one of the site's own errors; only the class name of others, whose message may contain secrets."""
    return str(error) if hasattr(error, "status_code") else type(error).__name__
