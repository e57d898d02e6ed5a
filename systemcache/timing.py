"""Whose time a request takes: leaf spans by name, gathered for the request of this context.

cache: Redis · database: SQL · broker: calls to it · limiter: waiting for its limits · wait: for another caller's load.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import Any

NAMES = ("cache", "database", "limiter", "broker", "wait")

_spans: ContextVar[dict[str, float] | None] = ContextVar("spans", default=None)


@contextmanager
def gathered() -> Iterator[dict[str, float]]:
    """Seconds by name, of what happens inside."""
    spans = dict.fromkeys(NAMES, 0.0)
    token = _spans.set(spans)
    try:
        yield spans
    finally:
        _spans.reset(token)


@contextmanager
def span(name: str) -> Iterator[None]:
    """Adds the time that is spent inside to `name`; nothing when nobody gathers."""
    spans = _spans.get()
    if spans is None:
        yield
        return
    started = perf_counter()
    try:
        yield
    finally:
        spans[name] += perf_counter() - started


def timed_query(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """For Django's `connection.execute_wrapper`."""
    with span("database"):
        return execute(sql, params, many, context)


def header(spans: dict[str, float], total: float) -> str:
    """Server-Timing in milliseconds; `rest` is what is left: our own work."""
    rest = max(0.0, total - sum(spans.values()))
    return ", ".join(f"{name};dur={1000 * seconds:.2f}" for name, seconds in (*spans.items(), ("rest", rest)))
