"""The instruments of active alerts, which the broker's stream is subscribed to."""

from alerts import selectors
from broker.subscriptions.recent_reads import Instrument


def active_alerts() -> list[Instrument]:
    """Return the instruments of active alerts, each once. Reading them takes no query while they are cached."""
    found = {(row.exchange, row.symbol): None for row in selectors.watched_alerts().value}
    return [Instrument(exchange, symbol) for exchange, symbol in found]
