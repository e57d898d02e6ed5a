"""MQTT 3.1.1's packets, as far as the broker's stream has them: every delivery has QoS 0."""

from enum import IntEnum
from struct import Struct as Layout

import msgspec

PROTOCOL_LEVEL = 4
MAX_PACKET_SIZE = 1_000_000
REFUSED = 0x80
"""The SUBACK code of a filter that is not granted."""

_U16 = Layout(">H")
_CONTINUES = 0x80
_USER, _PASSWORD, _WILL, _CLEAN, _RESERVED = 0x80, 0x40, 0x04, 0x02, 0x01
_MAX_QOS = 2


class PacketType(IntEnum):
    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


class ProtocolError(Exception):
    """The other side broke the protocol, for which the standard demands that the connection is closed."""


class Packet(msgspec.Struct, frozen=True):
    kind: int
    flags: int
    body: bytes


class Connect(msgspec.Struct, frozen=True):
    level: int
    """The protocol's version; of one other than 4 nothing else was read."""
    client_id: str = ""
    clean_session: bool = True
    keep_alive: int = 0
    """Seconds, 0 for none."""
    user_name: str = ""
    password: str = ""


class PacketReader:
    """Splits a stream of bytes into packets."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Packet]:
        """Return the packets that are complete now. Raises ProtocolError for one that is too large."""
        self._buffer += data
        packets = []
        while (packet := self._next()) is not None:
            packets.append(packet)
        return packets

    def _next(self) -> Packet | None:
        length, shift, position = 0, 0, 1
        while True:
            if position >= len(self._buffer):
                return None
            digit = self._buffer[position]
            position += 1
            length |= (digit & ~_CONTINUES) << shift
            if not digit & _CONTINUES:
                break
            shift += 7
            if shift > 21:
                raise ProtocolError("the remaining length has more than four bytes")
        if length > MAX_PACKET_SIZE:
            raise ProtocolError(f"a packet of {length} bytes")
        if len(self._buffer) < position + length:
            return None
        packet = Packet(self._buffer[0] >> 4, self._buffer[0] & 0x0F, bytes(self._buffer[position : position + length]))
        del self._buffer[: position + length]
        return packet


class _Fields:
    """Reads a packet's body from left to right."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._body) - self._at

    def take(self, count: int) -> bytes:
        if self.left < count:
            raise ProtocolError("a packet ends too early")
        self._at += count
        return self._body[self._at - count : self._at]

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        number: int = _U16.unpack(self.take(2))[0]
        return number

    def data(self) -> bytes:
        return self.take(self.number())

    def text(self) -> str:
        try:
            text = self.data().decode()
        except UnicodeDecodeError:
            raise ProtocolError("a text is not UTF-8") from None
        if "\0" in text:
            raise ProtocolError("a text has a zero byte")
        return text


def read_connect(packet: Packet) -> Connect:
    fields = _Fields(packet.body)
    if packet.flags or fields.text() != "MQTT":
        raise ProtocolError("not a CONNECT of MQTT")
    level = fields.byte()
    if level != PROTOCOL_LEVEL:
        return Connect(level)
    flags, keep_alive = fields.byte(), fields.number()
    if flags & _RESERVED or (flags & _PASSWORD and not flags & _USER):
        raise ProtocolError("CONNECT has impossible flags")
    client_id = fields.text()
    if flags & _WILL:
        fields.text()
        fields.data()
    user_name = fields.text() if flags & _USER else ""
    password = fields.data().decode(errors="replace") if flags & _PASSWORD else ""
    _require_end(fields)
    return Connect(level, client_id, bool(flags & _CLEAN), keep_alive, user_name, password)


def read_subscribe(packet: Packet) -> tuple[int, list[str]]:
    """Return the packet's number and its filters; the wanted QoS is read, and 0 is what is given."""
    number, fields = _numbered(packet)
    filters = []
    while fields.left:
        filters.append(fields.text())
        if fields.byte() > _MAX_QOS:
            raise ProtocolError("a subscription has an impossible QoS")
    if not filters:
        raise ProtocolError("SUBSCRIBE has no filter")
    return number, filters


def read_unsubscribe(packet: Packet) -> tuple[int, list[str]]:
    number, fields = _numbered(packet)
    filters = []
    while fields.left:
        filters.append(fields.text())
    if not filters:
        raise ProtocolError("UNSUBSCRIBE has no filter")
    return number, filters


def connack(code: int) -> bytes:
    return bytes((PacketType.CONNACK << 4, 2, 0, code))


def suback(number: int, codes: list[int]) -> bytes:
    return _packet(PacketType.SUBACK, 0, _U16.pack(number) + bytes(codes))


def unsuback(number: int) -> bytes:
    return _packet(PacketType.UNSUBACK, 0, _U16.pack(number))


def pingresp() -> bytes:
    return bytes((PacketType.PINGRESP << 4, 0))


def publish(topic: str, payload: bytes, *, retain: bool = False) -> bytes:
    name = topic.encode()
    return _packet(PacketType.PUBLISH, int(retain), _U16.pack(len(name)) + name + payload)


def _numbered(packet: Packet) -> tuple[int, _Fields]:
    """Read the number of a SUBSCRIBE or UNSUBSCRIBE, whose flags are always 2."""
    fields = _Fields(packet.body)
    number = fields.number()
    if packet.flags != 2 or not number:
        raise ProtocolError("a packet has impossible flags or the number 0")
    return number, fields


def _require_end(fields: _Fields) -> None:
    if fields.left:
        raise ProtocolError("a packet is longer than its fields")


def _packet(kind: PacketType, flags: int, body: bytes) -> bytes:
    head = bytearray((kind << 4 | flags,))
    length = len(body)
    while length > 0x7F:
        head.append(length & 0x7F | _CONTINUES)
        length >>= 7
    head.append(length)
    return bytes(head) + body
