"""Apps above this one register here the functions that get each live price, such as the judging of alerts."""

import logging
from collections.abc import Callable, Sequence

from django.utils.module_loading import import_string

from broker.values import Quote

logger = logging.getLogger(__name__)

Listener = Callable[[Sequence[Quote]], None]
registered: list[str] = []


def register(listener: str) -> None:
    """Register a function by its dotted name, in AppConfig.ready().

    It is called in a thread of the leading feed process, with quotes that have just arrived: `live` ones, none twice,
    several of one instrument in the order of their arrival. When a process begins to lead, it is called with none, so
    that it can go on with what another process has left.
    """
    if listener not in registered:
        registered.append(listener)


def notify(quotes: Sequence[Quote]) -> None:
    """Call all listeners; an exception in one is logged, and the others are still called."""
    for name in registered:
        try:
            import_string(name)(quotes)
        except Exception:  # a listener is another app's code: its bug must not keep prices from the other listeners
            logger.exception("broker: %s failed on %d live prices", name, len(quotes))
