"""What the stream processes count, for the metrics."""

from systemcache.stats import meters
from systemcache.stats.meters import Meter

OPENED = Meter("stream_opened", "Streams that were opened", "credential")
SENT = Meter("stream_events_sent", "Events that were sent, once for each reader", "kind")
REPLACED = Meter(
    "stream_events_replaced", "Events that a slow reader was not sent, because a newer one replaced them", "kind"
)
RESETS = Meter("stream_resets", "Readers that had to read everything again", "reason")
ENDED = Meter("stream_ended", "Streams that have ended, by the reason", "reason")

UNKNOWN_ID, GAP = "unknown_id", "gap"
LEFT, REVOKED, OVERFLOW, STALLED = "left", "revoked", "overflow", "stalled"
REDIS, STOPPED, FAILED = "redis", "stopped", "failed"


def register() -> None:
    """To be called in AppConfig.ready()."""
    meters.register(OPENED, ("token", "session"))
    for meter in (SENT, REPLACED):
        meters.register(meter)
    meters.register(RESETS, (UNKNOWN_ID, GAP))
    meters.register(ENDED, (LEFT, REVOKED, OVERFLOW, STALLED, REDIS, STOPPED, FAILED))
