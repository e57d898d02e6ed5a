"""Reports the feed's state: every second to all processes, and a change to programs and the log."""

import logging
import os
import socket
from collections.abc import Callable

from broker import clock as broker_clock
from broker import events
from broker.calendar import announced
from broker.feed import status
from broker.feed.prices import PriceTable
from broker.feed.sessions import MarketSessions
from broker.feed.status import FeedStatus, State
from broker.feed.watchdog import Verdict
from broker.stream.client import ClientState, StreamClient
from broker.values import FeedState
from systemcache.errors import StoreUnavailable
from systemcache.storage.leader_lock import LeaderLock

logger = logging.getLogger(__name__)

REPORT_INTERVAL = 1.0  # seconds


class StatusReporter:
    """`report` is for one thread; `note_lag` may be called from another."""

    def __init__(
        self,
        lock: LeaderLock,
        client: StreamClient,
        table: PriceTable,
        sessions: MarketSessions,
        clock: Callable[[], float],
    ) -> None:
        self._lock = lock
        self._client = client
        self._table = table
        self._sessions = sessions
        self._clock = clock
        self._state, self._since, self._detail = State.DOWN, broker_clock.now(), "connecting"
        self._announced: State | None = None
        self._reported_at, self._counted, self._rate = clock(), 0, 0.0
        self._lag = 0.0

    def note_lag(self, seconds: float) -> None:
        """Note how long a packet has waited for its write."""
        self._lag = max(self._lag, seconds)

    def report(self, verdict: Verdict, packets: int) -> None:
        """Report what has become of the feed; `packets` counts all that have arrived in this term."""
        state, self._detail = self._judge(verdict)
        if state is not self._state:
            self._state, self._since = state, broker_clock.now()
        now = self._clock()
        if now - self._reported_at >= REPORT_INTERVAL:
            self._rate = (packets - self._counted) / (now - self._reported_at)
            self._reported_at, self._counted = now, packets
            self._publish(verdict)
            self._lag = 0.0
        if state is not self._announced:
            self._announce(verdict)

    def _judge(self, verdict: Verdict) -> tuple[State, str]:
        client = self._client
        if client.state is ClientState.LOGIN_REQUIRED:
            reason = f"{client.reason}. " if client.reason else ""
            return State.LOGIN_REQUIRED, f"{reason}Log in to the broker; prices cannot be had until then"
        if client.state is not ClientState.CONNECTED:
            return State.DOWN, f"not connected ({client.reason or 'connecting'}); prices are polled"
        if not client.acknowledged:
            return State.DOWN, "connected, and nothing is subscribed yet; prices are polled"
        if verdict.mute:
            return State.MUTE, f"connected, and nothing has come for {verdict.silent_for:.0f} s; prices are polled"
        if verdict.mute_exchanges or verdict.silent:
            what = ", ".join(sorted(verdict.mute_exchanges)) or f"{len(verdict.silent)} instruments"
            return State.PARTIAL, f"nothing comes of {what}; their prices are polled"
        keys = list(self._table.instruments())
        if keys and all(self._sessions.is_closed(exchange) for exchange, _ in keys):
            return State.CLOSED, "connected; the markets are closed"
        return State.LIVE, ""

    def _publish(self, verdict: Verdict) -> bool:
        """Return whether it was published: by a leader, while Redis answers."""
        feed_status = FeedStatus(
            state=self._state,
            since=self._since,
            detail=self._detail,
            process=f"{socket.gethostname()}:{os.getpid()}",
            instruments=len(self._table.instruments()),
            topics=len(self._client.acknowledged),
            refused=len(self._client.refused),
            silent=len(verdict.silent),
            packets_per_second=round(self._rate, 1),
            lag=round(self._lag, 3),
            silence=round(verdict.silent_for, 1),
            expected_gap=round(verdict.expected_gap, 1),
            follows_orders=self._client.follows_orders,
        )
        try:
            leads = status.publish(self._lock, feed_status)
            announced.publish(self._lock, self._sessions.announced())
        except StoreUnavailable as error:
            logger.debug("feed: its status cannot be published: %s", error)
            return False
        return leads

    def _announce(self, verdict: Verdict) -> None:
        """Tell programs and the log of another state, if this process still leads: it may have been stopped."""
        if not self._publish(verdict):
            return
        state = self._announced = self._state
        log = logger.info if state.is_well else logger.warning
        log("feed: %s%s", state.replace("_", " "), f": {self._detail}" if self._detail else "")
        events.publish_feed(FeedState(state=state, since=self._since))
