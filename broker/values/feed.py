"""The state of the broker's live feed, as the event `feed` has it."""

from broker.values.base import Value
from systemcache.codec import Moment


class FeedState(Value, frozen=True, kw_only=True):
    """The state of the feed, and since when it has been so; `since` is None if that is not known."""

    state: str
    since: Moment | None
