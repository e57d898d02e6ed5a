"""The word for how far a price can be trusted."""

from broker.values import Quote
from systemcache.cached_value import CachedValue

TITLES = {
    "live": "Pushed by the broker's stream",
    "polled": "Read from the broker every two seconds",
    "late": "The broker has not answered since: this is its last known price",
    "closed": "The market is closed: this is the last price of the stream",
    "unknown": "The broker does not quote this symbol",
}


def state_of(quote: CachedValue[Quote] | None) -> str:
    """Return `live`, `polled`, `late`, `closed` or `unknown`."""
    if quote is None:
        return "unknown"
    return "late" if quote.stale else str(quote.value.state)
