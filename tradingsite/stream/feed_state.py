"""The state of the broker's feed, as it is sent to programs."""

from broker import conf
from broker.feed import status
from broker.feed.status import State
from broker.values import FeedState
from systemcache.errors import StoreUnavailable


def current() -> FeedState | None:
    """The state that the feed has reported in the last seconds; down if it reported nothing, None if Redis is
    unavailable."""
    if not conf.stream_url():
        return FeedState(state=State.OFF, since=None)
    try:
        said = status.read()
    except StoreUnavailable:
        return None
    return FeedState(state=said.state, since=said.since) if said else FeedState(state=State.DOWN, since=None)
