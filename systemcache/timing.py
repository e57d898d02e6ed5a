"""Whose time a request takes: leaf spans by name, gathered for the request of this context.

cache: Redis · database: SQL · broker: calls to it · limiter: waiting for its limits · wait: for another caller's load.
"""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from time import perf_counter
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

NAMES = ("cache", "database", "limiter", "broker", "wait")


class Spans:
    """The spans of one request. Threads that work for it may add theirs at the same time."""

    def __init__(self) -> None:
        self._ended: list[tuple[str, str, float]] = []

    def add(self, name: str, what: str, seconds: float) -> None:
        self._ended.append((name, what, seconds))

    def total(self, name: str) -> float:
        return sum(seconds for found, _, seconds in self._ended if found == name)

    def header(self, total: float) -> str:
        """Server-Timing in milliseconds, each call named; `rest` is what is left of `total` seconds: our own work."""
        if not self._ended:
            return _line(IDLE, _metric("rest", total))
        metrics = [_metric(name, self.total(name), self._calls(name)) for name in NAMES]
        rest = total - sum(seconds for _, _, seconds in self._ended)
        return _line(*metrics, _metric("rest", max(0.0, rest)))

    def _calls(self, name: str) -> list[str]:
        return [f"{what} {1000 * seconds:.2f}" for found, what, seconds in self._ended if found == name and what]


def _metric(name: str, seconds: float, calls: Sequence[str] = ()) -> str:
    named = f';desc="{", ".join(calls)}"' if calls else ""
    return f"{name};dur={1000 * seconds:.2f}{named}"


def _line(*metrics: str) -> str:
    return ", ".join(metrics)


IDLE = _line(*(_metric(name, 0.0) for name in NAMES))


_spans: ContextVar[Spans | None] = ContextVar("spans", default=None)


class gathered:  # noqa: N801 - a context manager, and cheaper on each request than a generator
    """Of what happens inside."""

    def __enter__(self) -> Spans:
        spans = Spans()
        self._token = _spans.set(spans)
        return spans

    def __exit__(self, *_: object) -> None:
        _spans.reset(self._token)


class span:  # noqa: N801 - likewise
    """Adds the time that is spent inside to `name`, and shows it by itself as `what`; nothing when nobody gathers."""

    __slots__ = ("_name", "_started", "_what")

    def __init__(self, name: str, what: str = "") -> None:
        self._name = name
        self._what = what

    def __enter__(self) -> None:
        self._started = perf_counter()

    def __exit__(self, *_: object) -> None:
        spans = _spans.get()
        if spans is not None:
            spans.add(self._name, self._what, perf_counter() - self._started)


def timed_query(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """For a connection's `execute_wrappers`."""
    with span("database"):
        return execute(sql, params, many, context)


def time_queries(connection: BaseDatabaseWrapper, **_: object) -> None:
    """When a connection is made, and made again."""
    if timed_query not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, timed_query)  # first: the end of an `execute_wrapper` takes the last away
