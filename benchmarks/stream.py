"""How long an event takes from its publication to each of twenty readers, at five hundred prices a second.

`STREAM_SECONDS=300 python -m benchmarks stream` stretches it. Orders come among the prices, and each has to reach each
reader.
"""

import os
import re
import socket
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from django.contrib.auth import get_user_model

from benchmarks.targets import Targets
from systemcache.models import ApiToken
from systemcache.storage import event_log
from systemcache.storage.event_log import NewEvent
from testservers.processes import children_of, resident_megabytes
from testservers.stream_server import StreamProcess

SECONDS = float(os.environ.get("STREAM_SECONDS", "10"))
READERS, SYMBOLS = 20, 1_000
BATCH, PER_SECOND = 5, 500  # prices of one publication, and of a second
LONGEST = 100.0  # milliseconds from publication to reader, p99
PADDING = b"x" * 350  # a quote has some four hundred bytes
EVENT = re.compile(rb'event: (\w+)\ndata: \{"at":(\d+)')


@dataclass(frozen=True)
class Figures:
    """Milliseconds from publication to reader, over all readers; the server's memory."""

    prices: int
    orders: int
    samples: int
    p50: float
    p99: float
    longest: float
    lost_orders: int
    before_mb: float
    after_mb: float


@dataclass
class Reader:
    """A reader that looks no further than the time of an event, so that it is not what is measured."""

    port: int
    token: str
    taken: list[float] = field(default_factory=list)
    orders: int = 0

    def __post_init__(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        head = f"GET /stream HTTP/1.0\r\nHost: 127.0.0.1\r\nAuthorization: Token {self.token}\r\n\r\n"
        self._socket.sendall(head.encode())
        self._rest = b""
        while b"retry:" not in self._rest:
            piece = self._socket.recv(65_536)
            assert piece, f"The stream has ended: {self._rest!r}"
            self._rest += piece
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while piece := self._socket.recv(65_536):
            now, text = time.time_ns(), self._rest + piece
            end = text.rfind(b"\n\n") + 2 if b"\n\n" in text else 0
            self._rest = text[end:]
            for kind, at in EVENT.findall(text, 0, end):
                self.taken.append((now - int(at)) / 1e6)
                self.orders += kind == b"order"


def run(targets: Targets) -> Figures:
    user = get_user_model().objects.get(username="bench")
    token = ApiToken.issue(user, "stream")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as held:
        environment = {"LOG_LEVEL": "ERROR", "IIFL_STREAM_URL": "off", "IIFL_BASE_URL": "http://127.0.0.1:9/v1"}
        server = held.enter_context(StreamProcess(Path(folder), environment))
        readers = [Reader(server.port, token) for _ in range(READERS)]
        (worker,) = children_of(server.pid)[-1:]
        before = resident_megabytes(worker)
        prices, orders = _publish()
        time.sleep(1.0)
        after = resident_megabytes(worker)
        for reader in readers:
            reader.close()
    taken = sorted(one for reader in readers for one in reader.taken)
    figures = Figures(
        prices=prices,
        orders=orders,
        samples=len(taken),
        p50=taken[len(taken) // 2],
        p99=taken[len(taken) * 99 // 100],
        longest=taken[-1],
        lost_orders=orders * READERS - sum(reader.orders for reader in readers),
        before_mb=before,
        after_mb=after,
    )
    print(f"{'from publication to reader':30}{'prices':>9}{'samples':>9}{'p50 ms':>9}{'p99 ms':>9}{'longest':>9}")
    print(
        f"{f'{READERS} readers, {PER_SECOND}/s':30}{figures.prices:>9,}{figures.samples:>9,}"
        f"{figures.p50:>9.1f}{figures.p99:>9.1f}{figures.longest:>9.1f}"
    )
    print(f"{orders} orders, {figures.lost_orders} lost; the server: {before:.0f} MB, then {after:.0f}")
    targets.at_most(f"p99 / {LONGEST:g} ms", figures.p99 / LONGEST, 1.0)
    targets.at_most("orders that a reader has missed", figures.lost_orders, 0)
    targets.at_most("the server's memory at the end / at the beginning", figures.after_mb / figures.before_mb, 1.3)
    return figures


def _publish() -> tuple[int, int]:
    """Publish at a steady rate; return how many prices and orders."""
    batches, orders, started = int(SECONDS * PER_SECOND / BATCH), 0, perf_counter()
    for number in range(batches):
        time.sleep(max(0.0, started + number * BATCH / PER_SECOND - perf_counter()))
        data = b'{"at":%d,"padding":"%b"}' % (time.time_ns(), PADDING)
        first = number * BATCH
        events = [NewEvent("quote", f"NSEEQ:S{(first + n) % SYMBOLS}", data, lasting=False) for n in range(BATCH)]
        if number % 10 == 0:
            orders += 1
            events.append(NewEvent("order", str(number), data))
        event_log.append(events)
    return batches * BATCH, orders
