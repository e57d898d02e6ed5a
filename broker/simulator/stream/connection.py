"""One client's connection: its packets are read, answered, and checked against the standard."""

import asyncio
import logging
from typing import Protocol, cast

from broker.simulator.stream import mqtt
from broker.simulator.stream.mqtt import Connect, Packet, PacketReader, PacketType, ProtocolError

CONNECT_TIMEOUT = 10.0  # seconds
KEEP_ALIVE_FACTOR = 1.5
MAX_UNSENT = 4_000_000  # bytes; what comes on top is lost, as QoS 0 allows
NO_ANSWER = -1
"""In place of a CONNACK's code: nothing is answered."""

logger = logging.getLogger(__name__)


class Hub(Protocol):
    """What a connection needs of the server; all methods run in its loop."""

    def admit(self, connection: "Connection", connect: Connect) -> int:
        """Return the CONNACK's code."""

    def subscribe(self, connection: "Connection", number: int, filters: list[str]) -> None: ...

    def unsubscribe(self, connection: "Connection", number: int, filters: list[str]) -> None: ...

    def leave(self, connection: "Connection") -> None: ...

    def answers_ping(self) -> bool: ...

    def takes_publish(self) -> bool: ...

    def is_stalled(self) -> bool: ...


class Connection(asyncio.Protocol):
    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._reader = PacketReader()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._patience = CONNECT_TIMEOUT
        self.client_id = ""
        self.token = ""
        self.topics: set[str] = set()
        self.is_admitted = False
        self.sent = 0
        """PUBLISH packets."""
        self.discarded = 0
        """Those that were not sent, because the client read too slowly."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # a TCP server makes no others
        self._wait_for_packet()

    def data_received(self, data: bytes) -> None:
        if self._hub.is_stalled():
            return
        try:
            for packet in self._reader.feed(data):
                if self.is_closed:
                    return
                self._take(packet)
        except ProtocolError as error:
            logger.debug("simulator: the stream's client %r is cut off: %s", self.client_id, error)
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()
        self._transport = None
        self._hub.leave(self)

    @property
    def is_closed(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def write(self, data: bytes) -> None:
        if self._transport and not (self._transport.is_closing() or self._hub.is_stalled()):
            self._transport.write(data)

    def deliver(self, frame: bytes) -> None:
        """Send a PUBLISH unless too many wait to be read."""
        if self._transport is None or self._transport.is_closing() or self._hub.is_stalled():
            return
        if self._transport.get_write_buffer_size() > MAX_UNSENT:
            self.discarded += 1
            return
        self._transport.write(frame)
        self.sent += 1

    def close(self) -> None:
        """Close the connection once what was written is sent."""
        if self._transport:
            self._transport.close()

    def abort(self) -> None:
        """Close the connection at once."""
        if self._transport:
            self._transport.abort()

    def _take(self, packet: Packet) -> None:
        if not self.is_admitted:
            if packet.kind != PacketType.CONNECT:
                raise ProtocolError("the first packet is not a CONNECT")
            self._connect(mqtt.read_connect(packet))
            return
        self._wait_for_packet()
        if packet.kind == PacketType.PINGREQ:
            if self._hub.answers_ping():
                self.write(mqtt.pingresp())
        elif packet.kind == PacketType.SUBSCRIBE:
            self._hub.subscribe(self, *mqtt.read_subscribe(packet))
        elif packet.kind == PacketType.UNSUBSCRIBE:
            self._hub.unsubscribe(self, *mqtt.read_unsubscribe(packet))
        elif packet.kind == PacketType.DISCONNECT:
            self.close()
        elif packet.kind != PacketType.PUBLISH or not self._hub.takes_publish():
            raise ProtocolError(f"a packet of type {packet.kind}")

    def _connect(self, connect: Connect) -> None:
        code = self._hub.admit(self, connect)
        if code == NO_ANSWER:
            return
        self.write(mqtt.connack(code))
        if code:
            self.close()
            return
        self.is_admitted = True
        self._patience = connect.keep_alive * KEEP_ALIVE_FACTOR
        self._wait_for_packet()

    def _wait_for_packet(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None
        if self._patience:
            self._timer = asyncio.get_running_loop().call_later(self._patience, self._close_idle)

    def _close_idle(self) -> None:
        if self._hub.is_stalled():
            self._wait_for_packet()
            return
        logger.debug("simulator: the stream's client %r was silent for too long", self.client_id)
        self.close()
