"""Whose time a request takes: leaf spans by name, gathered for the request of this context.

cache: Redis · database: SQL · broker: calls to it · limiter: waiting for its limits · wait: for another caller's load.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import Any

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
        spent = dict.fromkeys(NAMES, 0.0)
        calls: dict[str, list[str]] = {}
        for name, what, seconds in self._ended:
            spent[name] += seconds
            if what:
                calls.setdefault(name, []).append(f"{what} {1000 * seconds:.2f}")
        metrics = [_metric(name, seconds, calls.get(name)) for name, seconds in spent.items()]
        return ", ".join([*metrics, _metric("rest", max(0.0, total - sum(spent.values())), None)])


def _metric(name: str, seconds: float, calls: list[str] | None) -> str:
    named = f';desc="{", ".join(calls)}"' if calls else ""
    return f"{name};dur={1000 * seconds:.2f}{named}"


_spans: ContextVar[Spans | None] = ContextVar("spans", default=None)


@contextmanager
def gathered() -> Iterator[Spans]:
    """Of what happens inside."""
    spans = Spans()
    token = _spans.set(spans)
    try:
        yield spans
    finally:
        _spans.reset(token)


@contextmanager
def span(name: str, what: str = "") -> Iterator[None]:
    """Adds the time that is spent inside to `name`, and shows it by itself as `what`; nothing when nobody gathers."""
    spans = _spans.get()
    if spans is None:
        yield
        return
    started = perf_counter()
    try:
        yield
    finally:
        spans.add(name, what, perf_counter() - started)


def timed_query(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """For Django's `connection.execute_wrapper`."""
    with span("database"):
        return execute(sql, params, many, context)
