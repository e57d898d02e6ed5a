"""The watched symbols that the broker's stream is subscribed to."""

from broker.subscriptions.recent_reads import Instrument
from watchlist import selectors
from watchlist.models.items import ALL


def active_items() -> list[Instrument]:
    """Return the active symbols of all categories, each once. Reading them takes no query while they are cached."""
    rows = selectors.watchlist(active="true", category=ALL).value
    return list(dict.fromkeys(Instrument(row.exchange, row.symbol) for row in rows))
