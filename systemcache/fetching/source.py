"""Calling a source: counted, with a limit of concurrent loads, and not again for a moment after it has failed."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from time import perf_counter
from typing import Any, Generic, TypeVar

from systemcache import clock, conf, process_state
from systemcache.errors import TooManyLoads
from systemcache.families import Family
from systemcache.invalidation import snapshots
from systemcache.local.ttl_dict import TTLDict
from systemcache.rate_limit import owner
from systemcache.stats import counters

T = TypeVar("T")

SHARE_OF_ONE_USER = 0.75  # of the loads of a process
RETRY_AT_ATTR = "retry_at"  # on a failure: when (monotonic seconds) its source may be called again

NEVER = float("-inf")

logger = logging.getLogger(__name__)
failures: TTLDict[Exception] = process_state.register(TTLDict())  # by key


def event(family: Family[Any], state: str) -> dict[str, str]:
    """The fields by which programs distinguish log lines."""
    return {"family": family.name, "state": state}


class Loaded(Generic[T]):
    """What a source returned, and when it was called: a value is never younger than what it shows.

    `current_at` is NEVER if the source may have been read as it was before that, so that nobody else is shown it.
    """

    __slots__ = ("created", "current_at", "value")

    def __init__(self, loader: Callable[[], T], is_current: bool) -> None:
        self.created, self.current_at = clock.now(), clock.monotonic() if is_current else NEVER
        self.value = loader()


def call_loader(family: Family[Any], key: str, loader: Callable[[], T], *, may_be_shared: bool) -> Loaded[T]:
    """Load, and count it. A source that failed for this key a moment ago is not called: its error is raised again.

    may_be_shared: whether the value may be stored, or shown to callers who wait for it.
    """
    if failure := failures.get(key):
        raise failure.with_traceback(None)
    started = perf_counter()
    with nullcontext() if family.strict else _slots.take():
        try:
            # Asked under the lease: what is committed later makes the lease void.
            loaded = Loaded(loader, not (may_be_shared and family.strict) or snapshots.is_current())
        except Exception as error:  # each source has errors of its own
            record_failure(family, key, error)
            raise
    seconds = perf_counter() - started
    counters.count_load(family.name, seconds)
    logger.debug("cache: loaded %s in %.3f s", family.name, seconds, extra=event(family, "load"))
    return loaded


def record_failure(family: Family[Any], key: str, error: Exception) -> None:
    """Count a failure, and prevent calls of the source for this key for a moment."""
    counters.count(family.name, "load_errors")
    logger.debug("cache: loading %s failed: %s", family.name, error, extra=event(family, "load_error"))
    if source_failed(error) and not family.strict:
        failures.set(key, error, _cool_down_left(error))


def _cool_down_left(error: Exception) -> float:
    """Seconds for which its source is not called again.

    A computed value fails by the failure of another value that may be some seconds old: the failure must not be
    remembered for longer than that one.
    """
    until: float = getattr(error, RETRY_AT_ATTR, 0.0)
    if until <= clock.monotonic():
        until = clock.monotonic() + getattr(error, "ask_again_after", conf.cool_down())
        setattr(error, RETRY_AT_ATTR, until)
    return until - clock.monotonic()


def source_failed(error: Exception) -> bool:
    """Whether the source is at fault, and not the caller (an error with a 4xx status)."""
    return int(getattr(error, "status_code", 500)) >= 500


class _LoadSlots:
    """Limits concurrent loads per process, so that some threads stay free to serve hits while sources are slow, and
    each user's, so that some loads stay free for the others."""

    def __init__(self) -> None:
        self._inside: ContextVar[bool] = ContextVar("inside a load", default=False)
        self.reset()

    def reset(self) -> None:
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()

    @contextmanager
    def take(self) -> Iterator[None]:
        """Take a slot for a load. A load within a load does not take another one. Raises TooManyLoads."""
        if self._inside.get():
            yield
            return
        name, most = owner.current(), conf.max_loads()
        own_most = most if name == owner.NOBODY else max(1, round(most * SHARE_OF_ONE_USER))
        with self._lock:
            if self._taken.total() >= most or self._taken[name] >= own_most:
                raise TooManyLoads
            self._taken[name] += 1
        token = self._inside.set(True)
        try:
            yield
        finally:
            self._inside.reset(token)
            with self._lock:
                self._taken[name] -= 1
                if not self._taken[name]:
                    del self._taken[name]


_slots = process_state.register(_LoadSlots())
