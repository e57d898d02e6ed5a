"""The stream's clients and topics: who may connect, what they are granted, and what is sent to whom."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from zlib import crc32

from broker.simulator.faults.faults import Faults
from broker.simulator.faults.quirks import Quirks
from broker.simulator.stream import mqtt
from broker.simulator.stream.connection import NO_ANSWER, Connection
from broker.simulator.stream.mqtt import Connect
from broker.simulator.stream.topics import (
    EVENTS,
    MARKET,
    MARKET_STATUS,
    OF_ACCOUNT,
    STATUS_SPELLINGS,
    Topic,
    parse_topic,
)

WRONG_LEVEL, WRONG_CLIENT_ID = 1, 2
MAX_CLIENT_ID_LENGTH = 128
MAX_FILTERS = 1024
MAX_TOPICS, FEWER_TOPICS = 6000, 4000
_DIVISOR_AT, _DIVISOR_SIZE = 58, 4
_PASSWORD_START, _PASSWORD_END = "OPENID~~", "~"


class StreamHub:
    """Runs in the loop's thread alone. `last_value` returns what a topic has now."""

    def __init__(
        self,
        *,
        client_id: str,
        is_active: Callable[[str], bool],
        faults: Faults,
        quirks: Quirks,
        last_value: Callable[[Topic, str], bytes | None],
    ) -> None:
        self._client_id = client_id
        self._is_active = is_active
        self._faults = faults
        self._quirks = quirks
        self._last_value = last_value
        self._connections: dict[str, Connection] = {}
        self._subscribers: defaultdict[str, set[Connection]] = defaultdict(set)
        self._topics: dict[str, Topic] = {}
        self._held_back: tuple[str, bytes] | None = None
        self.published = 0

    @property
    def connections(self) -> list[Connection]:
        return list(self._connections.values())

    def topics(self) -> Iterator[tuple[str, Topic]]:
        """Return the topics that somebody has subscribed to."""
        return iter(list(self._topics.items()))

    def admit(self, connection: Connection, connect: Connect) -> int:
        if fault := self._faults.next_of_stream("connack", "no-connack"):
            return int(fault.partition(":")[2] or NO_ANSWER)
        if connect.level != mqtt.PROTOCOL_LEVEL:
            return WRONG_LEVEL
        if len(connect.client_id) > MAX_CLIENT_ID_LENGTH or not (connect.client_id or connect.clean_session):
            return WRONG_CLIENT_ID
        token = self._token(connect)
        if token is None:
            return 4 if self._quirks.has("stream-code-4") else 5
        connection.client_id = connect.client_id or f"auto-{id(connection):x}"
        connection.token = token
        if older := self._connections.get(connection.client_id):
            self.leave(older)
            older.close()
        self._connections[connection.client_id] = connection
        return 0

    def subscribe(self, connection: Connection, number: int, filters: list[str]) -> None:
        fault = (self._faults.next_of_stream("suback") or "").partition(":")[2]
        codes, granted = self._grant(connection, filters, refuses=fault == "refused")
        answer = mqtt.suback(number, codes)
        if fault == "after-data":
            self._repeat_last_values(connection, granted)
            connection.write(answer)
        elif fault.isdigit():
            asyncio.get_running_loop().call_later(int(fault) / 1000, self._answer_late, connection, answer, granted)
        else:
            connection.write(answer)
            self._repeat_last_values(connection, granted)

    def unsubscribe(self, connection: Connection, number: int, filters: list[str]) -> None:
        for text in filters:
            self._drop_subscription(connection, text)
        connection.write(mqtt.unsuback(number))

    def leave(self, connection: Connection) -> None:
        for text in list(connection.topics):
            self._drop_subscription(connection, text)
        if self._connections.get(connection.client_id) is connection:
            del self._connections[connection.client_id]

    def answers_ping(self) -> bool:
        return self._faults.next_of_stream("no-pingresp") is None

    def takes_publish(self) -> bool:
        return not self._quirks.has("stream-no-publish")

    def is_stalled(self) -> bool:
        return self._faults.stream_has("stall")

    def publish(self, text: str, payload: bytes, *, retain: bool = False) -> None:
        """Send a payload to the topic's subscribers, or what the faults make of it."""
        if text not in self._topics:
            return
        if self._is_muted(text):
            return
        if fault := self._faults.next_of_stream("short", "long", "garbage", "divisor"):
            payload = _spoilt(fault, payload, is_market=self._topics[text].kind == MARKET)
        if self._held_back is None and self._faults.next_of_stream("reorder"):
            self._held_back = text, payload
            return
        times = 2 if self._faults.next_of_stream("duplicate") else 1
        for _ in range(times):
            self._send(text, payload, retain=retain)
        if self._held_back:
            self._send(*self._held_back)
            self._held_back = None

    def close_connections(self, *, mid_packet: bool = False) -> None:
        """Close all connections, `mid_packet` after the first half of a packet of data."""
        for connection in self.connections:
            if mid_packet:
                text = next(iter(sorted(connection.topics)), "prod/marketfeed/marketstatus/v1/nseeq")
                payload = self._last_value(parse_topic(text) or Topic(MARKET_STATUS), text) or b"\2\0"
                frame = mqtt.publish(text, payload)
                connection.write(frame[: len(frame) // 2])
            connection.close()

    def abort_connections(self) -> None:
        for connection in self.connections:
            connection.abort()

    def close_ended_sessions(self) -> None:
        """Close the connections whose tokens have died."""
        if self._quirks.has("stream-outlives-token"):
            return
        for connection in self.connections:
            if not self._is_active(connection.token):
                connection.close()

    def write_to_all(self, data: bytes) -> None:
        for connection in self.connections:
            connection.write(data)

    def status_spellings(self) -> Iterable[str]:
        """Return the spellings of the market status's topic that work."""
        lower, capital = STATUS_SPELLINGS
        if self._quirks.has("stream-status-lower"):
            return (lower,)
        return (capital,) if self._quirks.has("stream-status-capital") else STATUS_SPELLINGS

    def _token(self, connect: Connect) -> str | None:
        """Return the token in the password if it opens the stream."""
        password = connect.password
        if not (password.startswith(_PASSWORD_START) and password.endswith(_PASSWORD_END)):
            return None
        token = password.removeprefix(_PASSWORD_START).removesuffix(_PASSWORD_END)
        if self._quirks.has("stream-user-checked") and connect.user_name != self._client_id:
            return None
        return token if self._is_active(token) else None

    def _grant(self, connection: Connection, filters: list[str], *, refuses: bool) -> tuple[list[int], list[str]]:
        codes, granted = [], []
        most = FEWER_TOPICS if self._quirks.has("D20") else MAX_TOPICS
        for position, text in enumerate(filters):
            has_room = text in connection.topics or len(connection.topics) < most
            if refuses or position >= MAX_FILTERS or not has_room or not self._may_subscribe(text):
                codes.append(mqtt.REFUSED)
                continue
            codes.append(0)
            topic = parse_topic(text)
            connection.topics.add(text)
            if topic:
                self._topics[text] = topic
                self._subscribers[text].add(connection)
                granted.append(text)
        return codes, granted

    def _may_subscribe(self, text: str) -> bool:
        if "+" in text or "#" in text:
            return self._quirks.has("stream-wildcards")
        topic = parse_topic(text)
        if topic is None:
            return False
        if topic.kind in OF_ACCOUNT:
            return topic.client_id.lower() == self._client_id.lower()
        return topic.kind != MARKET_STATUS or text.split("/")[2] in self.status_spellings()

    def _answer_late(self, connection: Connection, answer: bytes, granted: list[str]) -> None:
        if not connection.is_closed:
            connection.write(answer)
            self._repeat_last_values(connection, granted)

    def _repeat_last_values(self, connection: Connection, granted: list[str]) -> None:
        if self._quirks.has("stream-no-last-value"):
            return
        retain = self._quirks.has("stream-retained")
        for text in granted:
            topic = self._topics.get(text)
            if topic is None or topic.kind in OF_ACCOUNT or topic.kind in EVENTS or self._is_muted(text):
                continue
            payload = self._last_value(topic, text)
            if payload is not None:
                connection.deliver(mqtt.publish(text, payload, retain=retain))

    def _drop_subscription(self, connection: Connection, text: str) -> None:
        connection.topics.discard(text)
        subscribers = self._subscribers.get(text)
        if subscribers is None:
            return
        subscribers.discard(connection)
        if not subscribers:
            del self._subscribers[text]
            del self._topics[text]

    def _is_muted(self, text: str) -> bool:
        if not self._faults.stream_has("mute"):
            return False
        kinds = {fault.partition(":")[2] for fault in self._faults.of_stream("mute")}
        topic = self._topics[text]
        return bool(kinds & {"", topic.kind}) or ("half" in kinds and is_in_half(text))

    def _send(self, text: str, payload: bytes, *, retain: bool = False) -> None:
        frame = mqtt.publish(text, payload, retain=retain)
        self.published += 1
        for connection in tuple(self._subscribers.get(text, ())):
            connection.deliver(frame)


def is_in_half(topic: str) -> bool:
    """Whether the topic is in the half that `mute:half` silences."""
    return crc32(topic.encode()) % 2 == 0


def _spoilt(fault: str, payload: bytes, *, is_market: bool) -> bytes:
    if fault == "short":
        return payload[: len(payload) // 2]
    if fault == "long":
        return payload + bytes(range(1, 9))
    if fault == "garbage":
        return bytes(byte ^ (0xA5 + position) & 0xFF for position, byte in enumerate(payload))
    if not is_market:
        return payload
    return payload[:_DIVISOR_AT] + bytes(_DIVISOR_SIZE) + payload[_DIVISOR_AT + _DIVISOR_SIZE :]
