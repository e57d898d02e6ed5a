"""Slow readers, a Redis that goes and comes, and what the process counts."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import redis
import requests

from systemcache.storage import event_log
from systemcache.storage.breaker import breaker
from systemcache.storage.event_log import NewEvent
from tests.site.stream.conftest import Read, StreamSite, numbers, publish, publish_prices, wait_for
from tests.support.programs import only_linux
from tests.support.waiting import eventually
from testservers.event_reader import events_of

pytestmark = [only_linux, pytest.mark.slow, pytest.mark.timeout(240)]

SYMBOLS = 200


class SlowReader:
    """Opens a stream with small buffers, and reads it when it is told to."""

    def __init__(self, site: StreamSite, token: str, query: str) -> None:
        parts = urlsplit(site.url + query)
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.settimeout(60)
        self._socket.connect((parts.hostname, parts.port))
        head = f"GET {parts.path}?{parts.query} HTTP/1.0\r\nHost: 127.0.0.1\r\nAuthorization: Token {token}\r\n\r\n"
        self._socket.sendall(head.encode())
        self.text = b""

    def close(self) -> None:
        self._socket.close()

    def read_until(self, words: bytes) -> None:
        while words not in self.text[-200_000:]:
            piece = self._socket.recv(65_536)
            assert piece, "the stream has ended"
            self.text += piece

    def read_to_the_end(self) -> None:
        while piece := self._socket.recv(65_536):
            self.text += piece

    @property
    def numbers(self) -> list[int]:
        lines = self.text.decode().replace("\r\n", "\n").split("\n")
        return [event.data["number"] for event in events_of(lines, lambda *_: None) if event.name == "order"]

    @property
    def rounds(self) -> list[int]:
        lines = self.text.decode().replace("\r\n", "\n").split("\n")
        return [event.data["round"] for event in events_of(lines, lambda *_: None) if event.name == "quote"]


@contextmanager
def slow_reader(site: StreamSite, query: str = "?events=order,quote", who: str = "reader1") -> Iterator[SlowReader]:
    reader = SlowReader(site, site.tokens[who], query)
    try:
        reader.read_until(b"retry:")
        yield reader
    finally:
        reader.close()


def test_a_slow_reader_gets_fewer_prices_the_newest_and_every_order(site: StreamSite, read: Read) -> None:
    quick = read("?events=order,quote")
    with slow_reader(site) as slow:
        rounds = 40  # of 200 prices with 1 kB: more than what the kernel holds for who does not read
        for number in range(rounds):
            publish(number)
            publish_prices(SYMBOLS, 1, size=3000)
            wait_for(quick, number)
        publish(999)
        slow.read_until(b'{"number":999}')
        assert slow.numbers == [*range(rounds), 999]
        assert len(slow.rounds) <= rounds * SYMBOLS
        assert numbers(quick) == [*range(rounds), 999]


def test_a_reader_for_whom_too_many_orders_wait_is_ended_and_misses_none(site: StreamSite, read: Read) -> None:
    total = 4_000
    with slow_reader(site, "?events=order") as slow:
        for start in range(0, total, 500):
            publish_padded(range(start, start + 500))
        slow.read_to_the_end()
        seen = slow.numbers
        lines = slow.text.decode().replace("\r\n", "\n").split("\n")
        last = [event.id for event in events_of(lines, lambda *_: None) if event.name == "order"][-1]
    assert seen == list(range(len(seen)))
    reader = read("?events=order", last_event_id=last)
    eventually(lambda: bool(reader.events) and reader.events[-1].data["number"] == total - 1)
    assert seen + numbers(reader) == list(range(total))


def publish_padded(some: range) -> None:
    event_log.append([NewEvent("order", str(n), b'{"number":%d,"x":"%b"}' % (n, b"x" * 4000)) for n in some])


def test_while_redis_is_away_streams_say_so_and_end_and_readers_come_back(site: StreamSite, read: Read) -> None:
    first, other = read(), read("?events=order")
    publish(1)
    eventually(lambda: numbers(first) == [1])
    site.redis.kill()
    try:
        eventually(lambda: first.ended and other.ended)
        assert first.rows("feed")[-1]["state"] == "down"
        assert other.named("feed") == []
        meanwhile = read()
        eventually(lambda: meanwhile.ended)
        assert (meanwhile.status, [event.data["state"] for event in meanwhile.events]) == (200, ["down"])
        assert meanwhile.fields["retry"] == "1000"
    finally:
        site.redis.restart()
        breaker.reset()

    def comes_back() -> bool:
        again = read("?events=order", last_event_id=first.last_id)
        eventually(lambda: again.ended or bool(again.named("reset")))
        return bool(again.named("reset")) and not again.ended

    eventually(comes_back)
    reader = read("?events=order")
    publish(2)
    eventually(lambda: numbers(reader) == [2])


def test_a_redis_that_hangs_ends_streams_too(site: StreamSite, read: Read) -> None:
    reader = read()
    site.redis.pause()
    try:
        eventually(lambda: reader.ended)
        assert reader.rows("feed")[-1]["state"] == "down"
    finally:
        site.redis.resume()
        breaker.reset()
    eventually(lambda: not read("?events=order").ended)


def test_events_that_somebody_removes_from_redis_are_a_reset_for_all(site: StreamSite, read: Read) -> None:
    publish(1)
    reader = read("?events=order")
    with redis.Redis.from_url(site.redis.url) as connection:
        connection.flushall()
    eventually(lambda: bool(reader.named("reset")))
    assert reader.named("reset")[0].data == {"reason": "gap"}
    publish(2)
    eventually(lambda: 2 in numbers(reader))
    assert not reader.ended


def test_what_the_process_does_is_in_the_metrics(site: StreamSite, read: Read) -> None:
    reader = read("?events=order")
    publish(1)
    eventually(lambda: numbers(reader) == [1])
    read("?events=order", last_event_id="1-1").close()
    headers = {"Authorization": f"Token {site.tokens['admin']}"}

    def metrics() -> dict[str, float]:
        text = requests.get(f"{site.process.site}/metrics", headers=headers, timeout=60).text
        pairs = (line.rpartition(" ") for line in text.splitlines() if line.startswith(("stream_", "events_")))
        return {name: float(value) for name, _, value in pairs}

    def counted() -> bool:
        found = metrics()
        return (
            found.get("stream_clients", 0) >= 1
            and found.get('stream_events_sent_total{kind="order"}', 0) >= 1
            and found.get('stream_resets_total{reason="unknown_id"}', 0) >= 1
            and found.get('stream_ended_total{reason="left"}', 0) >= 1
        )

    eventually(counted)


def test_a_server_that_is_stopped_ends_its_streams_at_once(site: StreamSite, read: Read) -> None:
    reader = read("?events=order")
    site.process.send(signal.SIGTERM)
    eventually(lambda: site.process.ended)
    eventually(lambda: reader.ended)
    site.restart()
