"""The last known values of all subscribed instruments, and which of them are to be written now.

The stream's thread puts packets in, the writer takes values out. Writes are conflated: four a second for each
instrument, and two at once for one that was quiet.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable
from datetime import timedelta
from typing import NamedTuple

import msgspec

from broker import clock
from broker.feed.packet_values import depth_of, index_quote_of, interest_of, quote_of
from broker.feed.subscriptions import Key, Subscription
from broker.stream.packets import IndexPacket, OpenInterestPacket, PricePacket
from broker.values import Depth, OpenInterest, PriceState, Quote

WRITE_INTERVAL = 0.25  # seconds for each write of an instrument
WRITES_AT_ONCE = 2
# A first packet whose last trade is older than this is the last value that the broker repeats on subscribing.
RECENT = timedelta(seconds=10)
OLD_PACKETS = 3  # in a row, after which it is the clock that went back

Values = Quote | Depth | OpenInterest


class Slot:
    """One instrument. `repeated`: the price is the one that the broker repeated when it was subscribed."""

    __slots__ = (
        "awaits_first",
        "depth",
        "has_price_packets",
        "old_packets",
        "open_interest",
        "payload",
        "quote",
        "repeated",
        "subscription",
        "tokens",
        "tokens_at",
        "written_at",
    )

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.quote: Quote | None = None
        self.depth: Depth | None = None
        self.open_interest: OpenInterest | None = None
        self.payload = b""
        self.repeated = False
        self.awaits_first = True
        self.has_price_packets = False
        self.old_packets = 0
        self.written_at = float("-inf")
        self.tokens, self.tokens_at = float(WRITES_AT_ONCE), float("-inf")

    def may_write(self, now: float) -> bool:
        return self._available(now) >= 1

    def spend(self, now: float) -> None:
        self.tokens, self.tokens_at, self.written_at = self._available(now) - 1, now, now

    def _available(self, now: float) -> float:
        return min(WRITES_AT_ONCE, self.tokens + (now - self.tokens_at) / WRITE_INTERVAL)


class Due(NamedTuple):
    """What is to be written: the values of a slot, and whether they are news or only still true."""

    slot: Slot
    values: tuple[Values, ...]
    is_news: bool


class PriceTable:
    """Thread-safe. `is_closed` says of an exchange whether its market is."""

    def __init__(self, is_closed: Callable[[str], bool], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._is_closed = is_closed
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._slots: dict[Key, Slot] = {}
        self._changed: dict[Key, Slot] = {}
        self._fresh: list[Quote] = []

    def subscribe(self, plan: Iterable[Subscription]) -> None:
        """Take over the set of instruments; values of those that stay are kept."""
        with self._lock:
            slots: dict[Key, Slot] = {}
            for each in plan:
                slot = self._slots.get(each.key)
                if slot is None or slot.subscription.symbol != each.symbol:
                    slot = Slot(each)
                slot.subscription = each
                slots[each.key] = slot
            self._slots = slots  # as a whole: others iterate over it without the lock
            self._changed = {key: slot for key, slot in self._changed.items() if self._slots.get(key) is slot}

    def instruments(self) -> Collection[Key]:
        return self._slots.keys()

    def disconnected(self) -> None:
        """The next packet of each instrument may repeat its last value."""
        with self._lock:
            for slot in self._slots.values():
                slot.awaits_first, slot.has_price_packets = True, False

    def price(self, key: Key, packet: PricePacket, payload: bytes, retained: bool) -> bool:
        """Take a price packet; return whether it proves that the feed goes on: a repeated last value does not."""
        with self._lock:
            slot = self._slots.get(key)
            if slot is None or packet.ltp is None:
                return False
            slot.has_price_packets = True
            if payload == slot.payload or self._is_old(slot, packet):
                return self._pass_over(slot)
            repeated = retained or (slot.awaits_first and not _is_recent(packet))
            quote = quote_of(slot.subscription, packet, packet.ltp)
            if slot.subscription.depth:
                slot.depth = depth_of(slot.subscription, packet)
            return self._take(slot, key, quote, payload, repeated)

    def index(self, key: Key, packet: IndexPacket, payload: bytes, retained: bool) -> bool:
        """Take an index packet, unless price packets of the index come, which say more.

        It has no date, so the first after a connection is no news.
        """
        with self._lock:
            slot = self._slots.get(key)
            if slot is None or packet.value is None or slot.has_price_packets:
                return False
            if payload == slot.payload:
                return self._pass_over(slot)
            quote = index_quote_of(slot.subscription, packet, packet.value)
            return self._take(slot, key, quote, payload, retained or slot.awaits_first)

    def interest(self, key: Key, packet: OpenInterestPacket) -> None:
        with self._lock:
            if slot := self._slots.get(key):
                slot.open_interest = interest_of(slot.subscription, packet)
                self._mark(key, slot)

    def discard(self, key: Key) -> None:
        """What is known of the instrument is in doubt: its price comes by REST until a good packet arrives."""
        with self._lock:
            if slot := self._slots.get(key):
                slot.quote = slot.depth = None
                slot.payload = b""
                self._changed.pop(key, None)

    def states_changed(self, exchange: str) -> None:
        """The segment has opened or closed: all its prices have another state."""
        with self._lock:
            for key, slot in self._slots.items():
                if slot.subscription.exchange == exchange and slot.quote is not None:
                    self._mark(key, slot)

    def due(self, renew_after: float, is_well: Callable[[Key], bool]) -> list[Due]:
        """Return what is to be written now: changes, and what was written `renew_after` seconds ago and is still true.

        What is not known to be well is left out, so that it expires.
        """
        now = self._monotonic()
        with self._lock:
            changed = [(key, slot) for key, slot in self._changed.items() if slot.may_write(now)]
            found = []
            for key, slot in changed:
                del self._changed[key]
                if is_well(key):
                    slot.spend(now)
                    found.append(Due(slot, self._values(slot), is_news=not slot.repeated))
            for key, slot in self._slots.items():
                if now - slot.written_at >= renew_after and slot.quote and is_well(key):
                    slot.written_at = now
                    found.append(Due(slot, self._values(slot), is_news=False))
            return found

    def write_again(self) -> None:
        """What was written is gone."""
        with self._lock:
            for slot in self._slots.values():
                slot.written_at = float("-inf")

    def take_fresh(self) -> list[Quote]:
        """Return each live quote that has arrived since the last call."""
        with self._lock:
            fresh, self._fresh = self._fresh, []
            return fresh

    def live_quotes(self, keys: Collection[Key]) -> dict[Key, Quote]:
        """Return the quotes of these instruments that are not merely repeated."""
        with self._lock:
            slots = {key: slot for key in keys if (slot := self._slots.get(key)) and not slot.repeated}
            return {key: slot.quote for key, slot in slots.items() if slot.quote is not None}

    def subscriptions(self, keys: Collection[Key]) -> list[Subscription]:
        with self._lock:
            return [slot.subscription for key, slot in self._slots.items() if key in keys]

    def _pass_over(self, slot: Slot) -> bool:
        """Leave a slot as it is: the packet is known already, or older than what is known."""
        is_first = slot.awaits_first
        slot.repeated |= is_first
        slot.awaits_first = False
        return not is_first

    def _is_old(self, slot: Slot, packet: PricePacket) -> bool:
        known = slot.quote.exchange_time if slot.quote else None
        if known is None or packet.last_traded_at is None or packet.last_traded_at >= known:
            slot.old_packets = 0
            return False
        slot.old_packets += 1
        return slot.old_packets < OLD_PACKETS

    def _take(self, slot: Slot, key: Key, quote: Quote, payload: bytes, repeated: bool) -> bool:
        slot.quote, slot.payload, slot.repeated, slot.awaits_first = quote, payload, repeated, False
        self._mark(key, slot)
        if not repeated and not self._is_closed(slot.subscription.exchange):
            self._fresh.append(quote)
        return not repeated

    def _mark(self, key: Key, slot: Slot) -> None:
        self._changed[key] = slot

    def _values(self, slot: Slot) -> tuple[Values, ...]:
        values: list[Values] = []
        if slot.quote is not None:
            state = self._state(slot)
            if slot.quote.state is not state:
                slot.quote = msgspec.structs.replace(slot.quote, state=state)
            values.append(slot.quote)
        if slot.depth is not None and slot.subscription.depth:
            values.append(slot.depth)
        if slot.open_interest is not None and slot.subscription.open_interest:
            values.append(slot.open_interest)
        return tuple(values)

    def _state(self, slot: Slot) -> PriceState:
        if self._is_closed(slot.subscription.exchange):
            return PriceState.CLOSED
        return PriceState.LATE if slot.repeated else PriceState.LIVE


def _is_recent(packet: PricePacket) -> bool:
    traded_at = packet.last_traded_at
    return traded_at is not None and abs(clock.now() - traded_at) <= RECENT
