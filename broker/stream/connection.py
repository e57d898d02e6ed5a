"""One connection to the stream: paho's client, without its own reconnection; no password ever reaches a log.

All of it runs in the thread that calls `run_once`; paho starts none.
"""

import select
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from paho.mqtt.client import Client, MQTTMessage, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

KEEPALIVE = 20  # seconds, as the broker's own libraries announce
CONNECT_TIMEOUT = 10.0  # seconds for TCP, and as many for TLS
CONNACK_TIMEOUT = 15.0
SUBACK_TIMEOUT = 15.0
RECEIVED_AT_ONCE = 65_536  # bytes
# paho's numbers for CONNACK 4 (bad user name or password) and 5 (not authorized)
REFUSED_TOKEN = frozenset({134, 135})


class Address(NamedTuple):
    """Where the stream is. `ca` is the file of a private certificate authority; empty for the system's."""

    host: str
    port: int
    tls: bool
    ca: str = ""

    @classmethod
    def of(cls, url: str, ca: str = "") -> "Address":
        parts = urlsplit(url)
        tls = parts.scheme == "mqtts"
        return cls(parts.hostname or "", parts.port or (8883 if tls else 1883), tls, ca)


class ConnectionEnded(Exception):
    """The connection is over; the message says why, in a few words."""


class TokenRefused(ConnectionEnded):
    """The server does not accept the session's token."""


class _TLSSocket(ssl.SSLSocket):
    """Closes itself when its handshake fails; paho leaves that to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:  # also KeyboardInterrupt: it is raised again, and nobody else closes this socket
            self.close()
            raise


class _BufferedClient(Client):
    """Asks the socket for many packets at once; paho asks four times for each.

    Each call gives the interpreter's lock to a thread that computes, which keeps it for 5 ms: thousands of packets
    would take many seconds.
    """

    _buffer = b""
    _position = 0

    @property
    def has_buffered(self) -> bool:
        return self._position < len(self._buffer)

    def _sock_recv(self, bufsize: int) -> bytes:
        if not self.has_buffered:
            self._buffer, self._position = super()._sock_recv(RECEIVED_AT_ONCE), 0
        start = self._position
        self._position = min(start + bufsize, len(self._buffer))
        return self._buffer[start : self._position]


OnMessage = Callable[[str, bytes, bool], None]
OnSuback = Callable[[Sequence[str], Sequence[bool]], None]


class Connection:
    """Connects on construction. Raises ConnectionEnded, as its methods do.

    `on_message` gets topic, payload and whether it was retained; `on_suback` gets topics, and which were granted.
    """

    def __init__(
        self,
        address: Address,
        *,
        client_id: str,
        user: str,
        token: str,
        on_message: OnMessage,
        on_suback: OnSuback,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._on_message = on_message
        self._on_suback = on_suback
        self._requests: dict[int, tuple[Sequence[str], float]] = {}  # by packet id: topics, and when they were sent
        self._connack: int | None = None
        self._ended = ""
        self._client = self._new_client(address, client_id, user, token)
        self._socket: Any = None
        try:
            self._client.connect(address.host, address.port, KEEPALIVE)
            self._socket = self._client.socket()
            self._wait_for_connack()
        except ConnectionEnded:
            self.close()
            raise
        except (OSError, ValueError) as error:  # ssl.CertificateError is a ValueError too
            self.close()
            raise ConnectionEnded(_words(error)) from None

    def _new_client(self, address: Address, client_id: str, user: str, token: str) -> _BufferedClient:
        client = _BufferedClient(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=True,
            protocol=MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT
        client.suppress_exceptions = True  # the callbacks below raise none; a bug in one must not end the thread
        if address.tls:
            context = ssl.create_default_context(cafile=address.ca or None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.sslsocket_class = _TLSSocket
            client.tls_set_context(context)
        client.username_pw_set(user, f"OPENID~~{token}~")
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._subscribed
        client.on_message = self._received
        return client

    def run_once(self, seconds: float) -> None:
        """Wait up to `seconds` until something arrives, handle at most what one buffer holds, and keep the connection
        alive.
        """
        self._check(self._client.loop(0 if self.has_unread() else seconds))
        while self._client.has_buffered:
            self._check(self._client.loop_read())
        oldest = next(iter(self._requests.values()), None)
        if oldest and self._clock() - oldest[1] > SUBACK_TIMEOUT:
            raise ConnectionEnded("a subscription was not answered")

    def has_unread(self) -> bool:
        """Whether something has arrived that was not handled yet."""
        if self._client.has_buffered:
            return True
        if self._socket is None:
            return False
        try:
            pending = isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()
            return bool(pending or select.select([self._socket], [], [], 0)[0])
        except (OSError, ValueError):
            return False

    @property
    def is_subscribing(self) -> bool:
        return bool(self._requests)

    def subscribe(self, topics: Sequence[str]) -> None:
        code, number = self._client.subscribe([(topic, 0) for topic in topics])
        self._check(code)
        if number is not None:
            self._requests[number] = (topics, self._clock())

    def unsubscribe(self, topics: Sequence[str]) -> None:
        code, _ = self._client.unsubscribe(list(topics))
        self._check(code)

    def close(self) -> None:
        """Send DISCONNECT if the server still listens, and close the socket at once."""
        with suppress(OSError, ValueError):
            self._client.disconnect()
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()

    def _wait_for_connack(self) -> None:
        deadline = self._clock() + CONNACK_TIMEOUT
        while self._connack is None:
            if self._clock() > deadline:
                raise ConnectionEnded("the server did not answer CONNECT")
            self._check(self._client.loop(0.1))
        if self._connack in REFUSED_TOKEN:
            raise TokenRefused("the server refused the session's token")
        if self._connack:
            raise ConnectionEnded(f"the server refused the connection ({self._connack})")

    def _check(self, code: MQTTErrorCode) -> None:
        if self._connack:  # refused: the code says more than the end of the connection does
            return
        if self._ended:
            raise ConnectionEnded(self._ended)
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise ConnectionEnded(_REASONS.get(code, code.name))

    # --- paho's callbacks -----------------------------------------------------------------------------------------

    def _connected(self, client: Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._connack = int(reason.value)

    def _disconnected(self, client: Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._ended = str(reason)

    def _subscribed(self, client: Client, userdata: Any, number: int, reasons: Any, properties: Any) -> None:
        topics, _ = self._requests.pop(number, ((), 0.0))
        granted = [not reason.is_failure for reason in reasons][: len(topics)]
        self._on_suback(topics, granted + [False] * (len(topics) - len(granted)))

    def _received(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        self._on_message(topic, bytes(message.payload), bool(message.retain))


_REASONS = {
    MQTTErrorCode.MQTT_ERR_CONN_LOST: "the connection was lost",
    MQTTErrorCode.MQTT_ERR_KEEPALIVE: "the server did not answer a ping",
    MQTTErrorCode.MQTT_ERR_PROTOCOL: "the server does not speak MQTT 3.1.1",
    MQTTErrorCode.MQTT_ERR_NO_CONN: "the connection was lost",
}


def _words(error: Exception) -> str:
    """Say what went wrong, without quoting what was sent."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not valid ({error.verify_message})"
    if isinstance(error, socket.gaierror):
        return "the server's name cannot be resolved"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
