"""The state of broker and live feed, and since when the broker has been away, as far as this process knows."""

import threading
from datetime import datetime

from broker import clock, gateway
from broker.feed import status as feed_status
from broker.values import BrokerStatus, FeedState
from systemcache import process_state
from systemcache.errors import CacheError
from systemcache.local.ttl_dict import TTLDict


class _Outage:
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._lock = threading.Lock()
        self._since: datetime | None = None

    def note(self, up: bool) -> datetime | None:
        """Return when the broker was first found away; None while it answers."""
        with self._lock:
            self._since = None if up else self._since or clock.now()
            return self._since


FEED_TTL = 0.5  # seconds; the feed reports its state once a second

_outage = process_state.register(_Outage())
_feed: TTLDict[FeedState] = process_state.register(TTLDict())


def feed() -> FeedState:
    """Return the state of the live feed, which many pages share."""
    state = _feed.get("state")
    if state is None:
        state = feed_status.current()
        _feed.set("state", state, FEED_TTL)
    return state


def broker() -> tuple[BrokerStatus, datetime | None]:
    """Return whether the broker answers, as of a second ago at most, and since when it has not."""
    try:
        status = gateway.status()
    except CacheError as error:  # too many requests wait for it already
        status = BrokerStatus(up=False, detail=str(error))
    return status, _outage.note(status.up)
