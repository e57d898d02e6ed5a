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
        rest = max(0.0, total - sum(self.total(name) for name in NAMES))
        return ", ".join([*map(self._metric, NAMES), f"rest;dur={1000 * rest:.2f}"])

    def _metric(self, name: str) -> str:
        named = [f"{what} {1000 * seconds:.2f}" for found, what, seconds in self._ended if found == name and what]
        calls = f';desc="{", ".join(named)}"' if named else ""
        return f"{name};dur={1000 * self.total(name):.2f}{calls}"


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
