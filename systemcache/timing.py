"""Server-Timing: spans of the current request, summed by name.

A span is a leaf: spans do not nest, so that their sum and the rest add up to the request's time. The names here are
cache (Redis), database (SQL) and wait (for another caller's load); apps register the names of their own spans.
"""

from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from functools import cache
from time import perf_counter
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

_names: list[str] = ["cache", "database", "wait"]  # in the order of the header


def register(*names: str) -> None:
    """Add names of spans, in AppConfig.ready(). In the header they come before `wait`."""
    for name in names:
        if name not in _names:
            _names.insert(-1, name)
    _idle_metrics.cache_clear()


def names() -> list[str]:
    """The names of all spans, in the order of the header."""
    return list(_names)


class Spans:
    """The spans of one request. Its threads may add spans concurrently."""

    def __init__(self) -> None:
        self._spans: list[tuple[str, str, float, float]] = []

    def __iter__(self) -> Iterator[tuple[str, str, float, float]]:
        """Name, label, start and end of each span so far, in the order of the ends; the times are perf_counter's."""
        return iter(tuple(self._spans))

    def add(self, name: str, label: str, started: float, ended: float) -> None:
        self._spans.append((name, label, started, ended))

    def total(self, name: str) -> float:
        return sum(ended - started for spanned, _, started, ended in self._spans if spanned == name)

    def header(self, total: float) -> str:
        """The Server-Timing header, in milliseconds. `rest` is the part of `total` seconds outside all spans."""
        if not self._spans:
            return f"{_idle_metrics()}, {_metric('rest', total)}"
        rest = total - sum(ended - started for _, _, started, ended in self._spans)
        metrics = [_metric(name, self.total(name), self._labels(name)) for name in _names]
        return ", ".join([*metrics, _metric("rest", max(0.0, rest))])

    def _labels(self, name: str) -> list[str]:
        return [
            f"{label} {1000 * (ended - started):.2f}"
            for spanned, label, started, ended in self._spans
            if spanned == name and label
        ]


def _metric(name: str, seconds: float, labels: Sequence[str] = ()) -> str:
    description = f';desc="{", ".join(labels)}"' if labels else ""
    return f"{name};dur={1000 * seconds:.2f}{description}"


@cache
def _idle_metrics() -> str:
    return ", ".join(_metric(name, 0.0) for name in _names)


_spans: ContextVar[Spans | None] = ContextVar("spans", default=None)


def collected() -> Spans | None:
    """The spans that are being collected; None outside `collect_spans`."""
    return _spans.get()


class collect_spans:  # noqa: N801 - a context manager; as a generator it would cost more on each request
    """Collect the spans of the code inside."""

    def __enter__(self) -> Spans:
        spans = Spans()
        self._token = _spans.set(spans)
        return spans

    def __exit__(self, *_: object) -> None:
        _spans.reset(self._token)


class span:  # noqa: N801 - likewise
    """Add the time spent inside to `name`, and list it under `label`. Does nothing outside `collect_spans`."""

    __slots__ = ("_label", "_name", "_started")

    def __init__(self, name: str, label: str = "") -> None:
        self._name = name
        self._label = label

    def __enter__(self) -> None:
        self._started = perf_counter()

    def __exit__(self, *_: object) -> None:
        spans = _spans.get()
        if spans is not None:
            spans.add(self._name, self._label, self._started, perf_counter())


def timed_query(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Wrap a query in a span; for a connection's `execute_wrappers`."""
    with span("database"):
        return execute(sql, params, many, context)


def time_queries(connection: BaseDatabaseWrapper, **_: object) -> None:
    """Time the queries of a connection; a receiver of `connection_created`, which is also sent on reconnecting."""
    if timed_query not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, timed_query)  # first, because leaving an `execute_wrapper` pops the last
