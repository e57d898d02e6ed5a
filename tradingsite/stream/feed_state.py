"""The state of the broker's feed, as programs are told it."""

from broker import conf
from broker.feed import status
from broker.feed.status import State
from broker.values import FeedState
from systemcache.errors import StoreUnavailable


def current() -> FeedState | None:
    """What the feed said of itself in the last seconds; down if it says nothing, and None if nobody can know."""
    if not conf.stream_url():
        return FeedState(state=State.OFF, since=None)
    try:
        said = status.read()
    except StoreUnavailable:
        return None
    return FeedState(state=said.state, since=said.since) if said else FeedState(state=State.DOWN, since=None)
