"""Gauges: numbers of the moment that apps add to the metrics."""

from collections.abc import Callable, Iterable
from typing import NamedTuple


class Gauge(NamedTuple):
    """`label` is a name and a value; several gauges of one name differ by it."""

    name: str
    help: str
    value: float
    label: tuple[str, str] | None = None


Source = Callable[[], Iterable[Gauge]]
_sources: list[Source] = []


def register(source: Source) -> None:
    """Register what returns gauges, in AppConfig.ready(). It may use Redis, and raise StoreUnavailable."""
    if source not in _sources:
        _sources.append(source)


def read() -> list[Gauge]:
    """Return all gauges of now. Raises StoreUnavailable."""
    return [gauge for source in _sources for gauge in source()]
