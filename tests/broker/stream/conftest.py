"""The client of the stream, followed in a thread."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from broker.stream.client import StreamClient
from broker.stream.connection import Address


class Recorder:
    """A listener that keeps what it is told, and tokens that a test changes."""

    def __init__(self) -> None:
        self.connections = 0
        self.refusals = 0
        self.ends: list[str] = []
        self.topics: list[str] = []
        self.refused: list[str] = []
        self.packets: list[tuple[str, bytes, bool]] = []
        self.fails = False
        self.delay = 0.0  # seconds that each packet takes
        self.token: str | None = None
        self.asked = 0

    def current(self, refused: str | None) -> str | None:
        self.asked += 1
        return self.token

    def connected(self) -> None:
        self.connections += 1

    def disconnected(self, reason: str) -> None:
        self.ends.append(reason)

    def token_refused(self) -> None:
        self.refusals += 1

    def subscribed(self, topics: Sequence[str], refused: Sequence[str]) -> None:
        self.topics += topics
        self.refused += refused

    def received(self, topic: str, payload: bytes, retained: bool) -> None:
        self.packets.append((topic, payload, retained))
        if self.delay:
            time.sleep(self.delay)
        if self.fails:
            raise RuntimeError("a bug")


Follow = Callable[..., StreamClient]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def follow(recorder: Recorder) -> Iterator[Follow]:
    """Starts clients, which are stopped after the test."""
    running: list[tuple[StreamClient, threading.Thread]] = []

    def start(url: str, *topics: str, ca: str = "") -> StreamClient:
        client = StreamClient(Address.of(url, ca), recorder, recorder, name="SIM0001")
        client.want(topics)
        thread = threading.Thread(target=client.run, daemon=True)
        thread.start()
        running.append((client, thread))
        return client

    yield start
    for client, _ in running:
        client.stop()
    for _, thread in running:
        thread.join(30)
