"""Sends what has changed since the last look: prices, open interest, the market's status."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from itertools import cycle, islice

import msgspec

from broker.simulator.account.account import Account
from broker.simulator.faults.faults import Faults
from broker.simulator.market import Market
from broker.simulator.prices.contracts import Contract
from broker.simulator.stream import packets
from broker.simulator.stream.extremes import Extremes
from broker.simulator.stream.hub import StreamHub
from broker.simulator.stream.payloads import DERIVATIVES, Payloads
from broker.simulator.stream.topics import (
    BAND,
    EVENTS,
    INDEX,
    MARKET,
    MARKET_STATUS,
    OF_ACCOUNT,
    OF_INSTRUMENTS,
    OPEN_INTEREST,
    Topic,
    feed_topic,
)

# The simulator has one market, whose hours are theirs.
STATUS_EXCHANGES = ("NSEEQ", "BSEEQ", "NSEFO", "BSEFO")
MAX_CATCH_UP = 5.0  # seconds


class Watch(msgspec.Struct):
    """An instrument's topic that somebody has subscribed to, with what was last sent."""

    topic: str
    kind: str
    contract: Contract
    sent: object = None


class Ticker:
    """Runs in the loop's thread. `freeze_time` shows one time throughout, and plays the script up to it."""

    def __init__(
        self,
        *,
        market: Market,
        account: Account,
        payloads: Payloads,
        extremes: Extremes,
        faults: Faults,
        freeze_time: Callable[[], AbstractContextManager[None]],
        rate: float,
    ) -> None:
        self._market = market
        self._account = account
        self._payloads = payloads
        self._extremes = extremes
        self._faults = faults
        self._freeze_time = freeze_time
        self._rate = rate
        self._extra_due = 0.0
        self._ticked_at: float | None = None
        self._turn = 0
        self._watches: dict[str, Watch] = {}
        self._statuses: dict[str, int] = {}
        self._set_statuses: dict[str, tuple[int, int]] = {}

    def last_value(self, topic: Topic, text: str) -> bytes | None:
        """Return what the topic has now, which the next tick does not send again."""
        if topic.kind == MARKET_STATUS:
            return packets.market_status(self.status(topic.exchange)) if topic.exchange in STATUS_EXCHANGES else None
        if topic.kind not in (MARKET, INDEX, OPEN_INTEREST):
            return None
        with self._freeze_time():
            watch = self._watch(topic, text)
            return self._look(watch, again=True) if watch else None

    def status(self, exchange: str) -> int:
        """Return the exchange's status: the one that was set since the market's last changed, else the market's."""
        now = int(self._market.status())
        set_status, during = self._set_statuses.get(exchange, (now, now))
        return set_status if during == now else now

    def set_status(self, exchange: str, code: int) -> None:
        self._set_statuses[exchange] = code, int(self._market.status())

    def tick(self, hub: StreamHub) -> None:
        hub.close_ended_sessions()
        self._payloads.shift = self._shift()
        with self._freeze_time():
            subscribed = dict(hub.topics())
            if any(topic.kind in OF_ACCOUNT for topic in subscribed.values()):
                self._account.books()  # looking matches the orders with the prices
            self._send_statuses(hub)
            self._watches = {
                text: watch for text, topic in subscribed.items() if (watch := self._watch(topic, text)) is not None
            }
            for text, watch in self._watches.items():
                payload = self._look(watch)
                if payload is not None:
                    hub.publish(text, payload)
            for text, payload in self._extremes.events(
                {topic.exchange for topic in subscribed.values() if topic.kind in EVENTS}
            ):
                hub.publish(text, payload)
            self._send_extra(hub)
        if drop := self._faults.next_of_stream("drop"):
            hub.close_connections(mid_packet=drop == "drop:mid-packet")
        if burst := self._faults.next_of_stream("burst"):
            self._send_again(hub, int(burst.partition(":")[2]))

    def _watch(self, topic: Topic, text: str) -> Watch | None:
        contract = self._payloads.contract(topic) if topic.kind in OF_INSTRUMENTS else None
        if contract is None:
            return None
        watch = self._watches.get(text)
        if watch is None:
            watch = self._watches[text] = Watch(text, topic.kind, contract)
        return watch

    def _look(self, watch: Watch, *, again: bool = False) -> bytes | None:
        """Return the payload if something has changed since the last look, or in any case."""
        if watch.kind in (BAND, OPEN_INTEREST):
            if watch.sent is not None and not again and watch.contract.exchange not in DERIVATIVES:
                return None  # elsewhere open interest is always 0
            payload = self._payloads.current(watch.kind, watch.contract)
            is_new, watch.sent = payload != watch.sent, payload
            return payload if is_new or again else None
        price = self._market.price(watch.contract)
        if price == watch.sent and not again:
            return None
        watch.sent = price
        return self._payloads.current(watch.kind, watch.contract)

    def _send_statuses(self, hub: StreamHub) -> None:
        for exchange in STATUS_EXCHANGES:
            code = self.status(exchange)
            if self._statuses.get(exchange, code) != code:
                for spelling in hub.status_spellings():
                    hub.publish(feed_topic(spelling, exchange), packets.market_status(code))
            self._statuses[exchange] = code

    def _send_extra(self, hub: StreamHub) -> None:
        now = time.monotonic()
        passed = min(now - (self._ticked_at or now), MAX_CATCH_UP)
        self._ticked_at = now
        self._extra_due += self._rate * passed
        count, self._extra_due = int(self._extra_due), self._extra_due % 1
        self._send_again(hub, count)

    def _send_again(self, hub: StreamHub, count: int) -> None:
        """Send so many price packets of all instruments in turn."""
        priced = [watch for watch in self._watches.values() if watch.kind in (MARKET, INDEX)]
        if not priced or not count:
            return
        start, self._turn = self._turn % len(priced), self._turn + count
        for watch in _in_turn(priced, start, count):
            payload = self._look(watch, again=True)
            if payload is not None:
                hub.publish(watch.topic, payload)

    def _shift(self) -> timedelta:
        return timedelta(seconds=sum(int(name.partition(":")[2]) for name in self._faults.of_stream("clock")))


def _in_turn(watches: list[Watch], start: int, count: int) -> Iterator[Watch]:
    return islice(cycle(watches), start, start + count)
