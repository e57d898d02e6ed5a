"""A client of the live stream, which keeps all that it gets."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from tests.support.waiting import eventually

RELIANCE = "prod/marketfeed/mw/v1/nseeq/2885"
INFY = "prod/marketfeed/mw/v1/nseeq/1594"
NIFTY = "prod/marketfeed/index/v1/nseeq/999920000"
ORDERS, TRADES = "prod/updates/order/v1/SIM0001", "prod/updates/trade/v1/SIM0001"
STATUS = "prod/marketfeed/marketstatus/v1/nseeq"

Connect = Callable[..., "Subscriber"]


class Subscriber:
    """`connected` is None until there is an answer, and then the CONNACK's code as paho numbers it."""

    def __init__(self, url: str, client_id: str, user_name: str, password: str, *, keep_alive: int = 20) -> None:
        self.connected: int | None = None
        self.is_cut_off = False
        self.codes: list[int] = []
        """Of all filters that were answered, as paho numbers them: 0 or 128."""
        self.messages: list[mqtt.MQTTMessage] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, reconnect_on_failure=False)
        self._client.username_pw_set(user_name, password)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        address = urlsplit(url)
        if address.scheme == "mqtts":
            self._client.tls_set()
        self._client.connect(str(address.hostname), address.port or 8883, keepalive=keep_alive)
        self._client.loop_start()

    def subscribe(self, *topics: str) -> list[int]:
        """Return the codes of the answer."""
        already = len(self.codes)
        eventually(lambda: self.connected == 0)
        self._client.subscribe([(topic, 0) for topic in topics])
        eventually(lambda: len(self.codes) >= already + len(topics))
        return self.codes[already:]

    def unsubscribe(self, *topics: str) -> None:
        self._client.unsubscribe(list(topics))

    def publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload)

    def payloads(self, topic: str) -> list[bytes]:
        return [bytes(message.payload) for message in list(self.messages) if message.topic == topic]

    def rows(self, topic: str) -> list[dict[str, Any]]:
        return [json.loads(payload) for payload in self.payloads(topic)]

    def wait_for(self, topic: str, count: int = 1) -> list[bytes]:
        eventually(lambda: len(self.payloads(topic)) >= count)
        return self.payloads(topic)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: Any, data: Any, flags: Any, code: ReasonCode, properties: Any) -> None:
        self.connected = code.value

    def _on_disconnect(self, client: Any, data: Any, flags: Any, code: ReasonCode, properties: Any) -> None:
        self.is_cut_off = True

    def _on_message(self, client: Any, data: Any, message: mqtt.MQTTMessage) -> None:
        self.messages.append(message)

    def _on_subscribe(self, client: Any, data: Any, number: int, codes: list[ReasonCode], properties: Any) -> None:
        self.codes += [code.value for code in codes]
