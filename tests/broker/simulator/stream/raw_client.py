"""A client that writes any bytes, to see what the server makes of them."""

import socket
from typing import Self
from urllib.parse import urlsplit

from tests.support.waiting import PATIENCE


def text(value: str) -> bytes:
    data = value.encode()
    return len(data).to_bytes(2) + data


def packet(first: int, body: bytes) -> bytes:
    length, rest = bytearray(), len(body)
    while True:
        rest, digit = divmod(rest, 128)
        length.append(digit | (0x80 if rest else 0))
        if not rest:
            return bytes((first,)) + bytes(length) + body


def connect_packet(
    password: str, *, client_id: str = "raw", level: int = 4, flags: int = 0xC2, keep_alive: int = 60
) -> bytes:
    head = text("MQTT") + bytes((level, flags)) + keep_alive.to_bytes(2)
    return packet(0x10, head + text(client_id) + text("SIM0001") + text(password))


def subscribe_packet(*topics: str, number: int = 1) -> bytes:
    return packet(0x82, number.to_bytes(2) + b"".join(text(topic) + b"\0" for topic in topics))


class RawClient:
    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port or 0), timeout=PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def read(self, count: int) -> bytes:
        """Return so many bytes, or fewer if the server closes the connection."""
        data = b""
        while len(data) < count and (more := self._socket.recv(count - len(data))):
            data += more
        return data

    def read_to_the_end(self) -> bytes:
        data = b""
        while more := self._receive():
            data += more
        return data

    def hears_nothing(self, seconds: float) -> bool:
        """Whether neither data nor an end arrives in this time."""
        self._socket.settimeout(seconds)
        try:
            self._socket.recv(1)
        except TimeoutError:
            return True
        else:
            return False
        finally:
            self._socket.settimeout(PATIENCE)

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(65_536)
        except ConnectionResetError:
            return b""
