"""Passes on what arrives: prices to the table, statuses to the sessions, updates of orders to their own thread."""

import logging
from collections.abc import Callable

from broker.feed.meters import BAD_PACKETS, PACKETS
from broker.feed.order_updates import OrderUpdates
from broker.feed.prices import PriceTable
from broker.feed.sessions import MarketSessions
from broker.feed.subscriptions import HEARTBEAT_KEY, Key
from broker.feed.watchdog import Watchdog
from broker.stream import packets, topics
from broker.stream.packets import BadPacket, IndexPacket, MarketStatusPacket, OpenInterestPacket, Packet, PricePacket

logger = logging.getLogger(__name__)


class PacketDispatcher:
    """For the stream's thread. `arrived` is called after each packet that may have changed a value."""

    def __init__(
        self,
        table: PriceTable,
        sessions: MarketSessions,
        watchdog: Watchdog,
        updates: OrderUpdates,
        *,
        arrived: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._table = table
        self._sessions = sessions
        self._watchdog = watchdog
        self._updates = updates
        self._arrived = arrived
        self._clock = clock
        self._last_heartbeat = b""
        self.count = 0  # of all packets

    def disconnected(self) -> None:
        self._sessions.forget()
        self._watchdog.forget()
        self._table.disconnected()
        self._last_heartbeat = b""

    def dispatch(self, name: str, payload: bytes, retained: bool) -> None:
        self.count += 1
        topic = topics.parse(name)
        if topic is None:
            BAD_PACKETS.add("topic")
            return
        PACKETS.add(topic.kind)
        if topic.kind in topics.OF_THE_ACCOUNT:
            self._updates.put(topic.kind, payload)
            return
        key = (topic.exchange, topic.id)
        try:
            packet = packets.decode(topic, payload)
        except BadPacket as error:
            BAD_PACKETS.add(error.reason)
            self._table.discard(key)
            return
        if isinstance(packet, MarketStatusPacket):
            self._note_status(topic.exchange, packet)
        elif isinstance(packet, PricePacket | IndexPacket) and not packet.divisor_known:
            BAD_PACKETS.add("divisor")
            self._table.discard(key)
        elif self._take(key, packet, payload, retained):
            self._watchdog.packet(key, self._clock())
            self._arrived()

    def _note_status(self, exchange: str, packet: MarketStatusPacket) -> None:
        if self._sessions.note(exchange, packet.code):
            logger.info("feed: the market of %s has the status %d", exchange, packet.code)
            self._table.states_changed(exchange)

    def _take(self, key: Key, packet: Packet, payload: bytes, retained: bool) -> bool:
        """Return whether the packet proves that the feed goes on: a last value that the broker repeats does not."""
        match packet:
            case IndexPacket() if key == HEARTBEAT_KEY and key not in self._table.instruments():
                is_another = self._last_heartbeat not in (b"", payload)
                self._last_heartbeat = payload
                return is_another
            case PricePacket():
                return self._table.price(key, packet, payload, retained)
            case IndexPacket():
                return self._table.index(key, packet, payload, retained)
            case OpenInterestPacket():
                self._table.interest(key, packet)
        return True
