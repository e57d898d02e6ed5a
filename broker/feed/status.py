"""The status that the leading feed publishes every second, for health, metrics and pages."""

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from broker import conf
from broker.clock import IST
from broker.values import FeedState
from systemcache.codec import Moment
from systemcache.errors import StoreUnavailable
from systemcache.operations.health import ComponentHealth
from systemcache.stats.gauges import Gauge
from systemcache.storage import pushes
from systemcache.storage.leader_lock import LeaderLock

WORK = "feed"  # the leader lock's
STATUS_TTL = 5.0  # seconds


class State(StrEnum):
    """LIVE: prices are pushed. CLOSED: connected, and all markets are closed. PARTIAL: some instruments are mute, and
    polled. MUTE: connected, and nothing comes. DOWN: not connected. LOGIN_REQUIRED: not connected, until somebody logs
    in to the broker. OFF: there is no stream."""

    LIVE = "live"
    CLOSED = "closed"
    PARTIAL = "partial"
    MUTE = "mute"
    DOWN = "down"
    LOGIN_REQUIRED = "login_required"
    OFF = "off"

    @property
    def is_well(self) -> bool:
        return self in (State.LIVE, State.CLOSED)


class FeedStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`lag` is how many seconds a packet waited for its write at the most, in the last second."""

    state: State
    since: Moment
    detail: str
    process: str
    instruments: int = 0
    topics: int = 0
    refused: int = 0
    silent: int = 0
    packets_per_second: float = 0.0
    lag: float = 0.0
    silence: float = 0.0
    expected_gap: float = 0.0
    follows_orders: bool = False


def publish(lock: LeaderLock, status: FeedStatus) -> bool:
    """Publish it if the lock's holder leads; return whether it does. Raises StoreUnavailable."""
    return pushes.set_status(lock, msgspec.json.encode(status), STATUS_TTL)


def read() -> FeedStatus | None:
    """Return what the leader has said in the last seconds; None if there is none. Raises StoreUnavailable."""
    found = pushes.status(WORK)
    try:
        return msgspec.json.decode(found, type=FeedStatus) if found else None
    except msgspec.MsgspecError:  # of another version of the site
        return None


def current() -> FeedState:
    """Return the feed's state as the event `feed` has it."""
    if not conf.stream_url():
        return FeedState(state=State.OFF, since=None)
    try:
        status = read()
    except StoreUnavailable:
        status = None
    return FeedState(state=status.state, since=status.since) if status else FeedState(state=State.DOWN, since=None)


def facts() -> Iterator[ComponentHealth]:
    """The health fact `feed`."""
    if not conf.stream_url():
        yield ComponentHealth("feed", None, "IIFL_STREAM_URL is off: prices are polled")
        return
    try:
        status = read()
    except StoreUnavailable:
        yield ComponentHealth("feed", False, "Not known without Redis; prices are polled.")
        return
    if status is None:
        yield ComponentHealth(
            "feed", False, "No feed process is running: start `manage.py runfeed`. Prices are polled."
        )
        return
    yield ComponentHealth("feed", status.state.is_well, _sentence(status), status.since.astimezone(IST))


def _sentence(status: FeedStatus) -> str:
    return f"{status.state.replace('_', ' ')}: {status.detail}" if status.detail else str(status.state)


def gauges() -> Iterator[Gauge]:
    """The feed's gauges; without a stream there are none."""
    if not conf.stream_url():
        return
    status = read()
    yield Gauge(
        "feed",
        "1 while the broker's stream is live, or its markets are closed",
        float(bool(status and status.state.is_well)),
    )
    for state in State:
        yield Gauge(
            "feed_state", "1 for the feed's state", float(bool(status and status.state is state)), ("state", str(state))
        )
    if status is None:
        return
    yield Gauge(
        "feed_mute", "1 while the feed is connected and mute", float(status.state in (State.MUTE, State.PARTIAL))
    )
    yield Gauge(
        "feed_lag_seconds", "How long a packet waited for its write, at the most in the last second", status.lag
    )
    yield Gauge("feed_silence_seconds", "Seconds since the last packet of an open market", status.silence)
    yield Gauge("feed_packets_per_second", "Packets that arrive in a second", status.packets_per_second)
    for name, number in (
        ("instruments", status.instruments),
        ("topics", status.topics),
        ("refused", status.refused),
        ("silent", status.silent),
    ):
        yield Gauge("feed_subscriptions", "What the feed has subscribed, or wants to", number, ("of", name))
