"""Apps above this one say here which instruments they want prices of, such as those of the watchlist."""

import logging
from collections.abc import Callable, Iterable

from django.utils.module_loading import import_string

from broker.subscriptions.recent_reads import Instrument

logger = logging.getLogger(__name__)

Source = Callable[[], Iterable[Instrument]]
registered: list[str] = []


def register(source: str) -> None:
    """Register a function by its dotted name, in AppConfig.ready(). It returns the most important instruments first."""
    if source not in registered:
        registered.append(source)


def instruments() -> list[Instrument]:
    """Return what the sources want; one that fails is logged, and does not keep the others from being asked."""
    found: dict[Instrument, None] = {}
    for source in registered:
        try:
            found |= dict.fromkeys(import_string(source)())
        except Exception:  # a source is another app's code: its bug must not keep the others from being asked
            logger.exception("broker: %s cannot say which instruments it wants", source)
    return list(found)
