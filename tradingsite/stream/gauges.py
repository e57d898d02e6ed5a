"""How many readers all stream processes have, for the metrics."""

from collections.abc import Iterator

from systemcache.stats.gauges import Gauge
from systemcache.storage import event_log


def gauges() -> Iterator[Gauge]:
    """Raises StoreUnavailable."""
    yield Gauge("stream_clients", "Readers of the stream, in all processes", event_log.readers())
