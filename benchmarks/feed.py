"""How long a price takes from the broker's packet to the answer of a worker, among many others.

`FEED_SECONDS=300 python -m benchmarks feed` stretches it. Packets come to a thousand shares in turn; now and then one
of them gets a price of its own, and a worker is asked until it shows it.
"""

import http.client
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import perf_counter

from django.contrib.auth import get_user_model

from benchmarks.serving import granian
from benchmarks.targets import Targets
from broker.simulator import Simulator, SimulatorOptions, StreamOptions
from broker.simulator.stream.packets import Level, MarketPacket
from systemcache.models import ApiToken
from testservers.processes import Program, resident_megabytes
from testservers.project import ROOT

SECONDS = float(os.environ.get("FEED_SECONDS", "20"))
SYMBOLS, PER_REQUEST = 1_000, 100
PACKETS_A_SECOND = 500
LONGEST = 150.0  # milliseconds from packet to answer, p99
ORDER_CHANGES, LONGEST_ORDER = 100, 1_000.0
FIRST_NUMBER = 60_001


@dataclass(frozen=True)
class Figures:
    """Milliseconds from a packet to the first answer that shows it, and from an order's change by another program to
    the first book that does; calls for quotes meanwhile; the feed's memory."""

    packets: int
    samples: int
    p50: float
    p99: float
    longest: float
    order_changes: int
    order_p50: float
    order_p99: float
    quote_calls: int
    before_mb: float
    after_mb: float


class Publisher:
    """Sends packets to all shares in turn, at a steady rate; and one with a price of its own on demand."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._numbers = count(1)
        self.sent = 0

    def __enter__(self) -> "Publisher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def send(self, share: int, paise: int) -> None:
        volume = next(self._numbers)
        packet = MarketPacket(
            ltp=paise,
            volume=volume,
            high=10_000_000,
            low=1,
            open=10_000,
            close=10_000,
            average=10_000,
            bid=Level(1, paise, 1),
            ask=Level(1, paise + 5, 1),
            last_traded_at=int(time.time()),
        )
        self._simulator.stream.push(f"prod/marketfeed/mw/v1/nseeq/{FIRST_NUMBER + share}", packet.encode())
        self.sent += 1

    def _run(self) -> None:
        started = perf_counter()
        for number in count():
            if self._stop.wait(max(0.0, started + number / PACKETS_A_SECOND - perf_counter())):
                return
            self.send(number % SYMBOLS, 10_000 + number % 5_000)


def run(targets: Targets) -> Figures:
    token = ApiToken.issue(get_user_model().objects.get(username="bench"), "feed")
    with tempfile.TemporaryDirectory() as folder:
        contracts = Path(folder) / "NSEEQ.json"
        contracts.write_text(json.dumps([_contract(number) for number in range(SYMBOLS)]))
        stream = StreamOptions(interval=3600)
        options = SimulatorOptions(port=0, limits=False, replay=True, contracts=contracts, stream=stream)
        with Simulator(options) as simulator:
            addresses = {"IIFL_BASE_URL": simulator.base_url, "IIFL_STREAM_URL": simulator.stream_url}
            with (
                granian(**addresses) as port,
                _feed(Path(folder), addresses) as feed,
                Publisher(simulator) as publisher,
            ):
                figures = _measure(Caller(port, token), simulator, feed, publisher)
    print(f"{'from a packet to the answer':30}{'packets':>9}{'samples':>9}{'p50 ms':>9}{'p99 ms':>9}{'longest':>9}")
    print(
        f"{f'{SYMBOLS:,} symbols, {PACKETS_A_SECOND}/s':30}{figures.packets:>9,}{figures.samples:>9,}"
        f"{figures.p50:>9.1f}{figures.p99:>9.1f}{figures.longest:>9.1f}"
    )
    print(
        f"{'from an order that changes at the broker to the book':39}{figures.order_changes:>9,}"
        f"{figures.order_p50:>9.1f}{figures.order_p99:>9.1f}"
    )
    print(f"{figures.quote_calls} calls for quotes; the feed: {figures.before_mb:.0f} MB, then {figures.after_mb:.0f}")
    targets.at_most(f"p99 / {LONGEST:g} ms", figures.p99 / LONGEST, 1.0)
    targets.at_most(f"an order's p99 / {LONGEST_ORDER:g} ms", figures.order_p99 / LONGEST_ORDER, 1.0)
    targets.at_most("calls for quotes while the feed is live", figures.quote_calls, 0)
    targets.at_most("the feed's memory at the end / at the beginning", figures.after_mb / figures.before_mb, 1.2)
    return figures


class Caller:
    """A program that asks one worker."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._token = token

    def prices(self, first: int, number: int) -> list[dict[str, str]]:
        symbols = ",".join(f"SHARE{share}" for share in range(first, first + number))
        path = f"/api/broker/quotes?symbols={symbols}"
        self._connection.request("GET", path, headers={"Authorization": f"Token {self._token}"})
        return list(json.loads(self._connection.getresponse().read())["data"])

    def order_price(self, number: str) -> str:
        """Return an order's price in the book; empty if the book does not have the order."""
        self._connection.request("GET", "/api/broker/orders", headers={"Authorization": f"Token {self._token}"})
        rows = json.loads(self._connection.getresponse().read())["data"]
        return next((str(row["price"]) for row in rows if row["order_id"] == number), "")

    def all_are_live(self) -> bool:
        """Ask for each share, as often as it takes: what is read is subscribed."""
        rows = [row for first in range(0, SYMBOLS, PER_REQUEST) for row in self.prices(first, PER_REQUEST)]
        return len(rows) == SYMBOLS and all(row["state"] == "live" for row in rows)


def _measure(caller: Caller, simulator: Simulator, feed: Program, publisher: Publisher) -> Figures:
    feed.wait_until(caller.all_are_live)
    simulator.clear_calls()
    before, packets = resident_megabytes(feed.pid), publisher.sent
    taken: list[float] = []
    end = perf_counter() + SECONDS
    for number in count():
        if perf_counter() > end:
            break
        share, paise = 37 * number % SYMBOLS, 20_000 + 5 * (number % 1000)
        shown = f"{paise // 100}.{paise % 100:02}"
        publisher.send(share, paise)
        sent = perf_counter()
        while caller.prices(share, 1)[0]["ltp"] != shown and perf_counter() < sent + 5:
            pass
        taken.append(1000 * (perf_counter() - sent))
        caller.prices(PER_REQUEST * (number % (SYMBOLS // PER_REQUEST)), PER_REQUEST)
    taken.sort()
    orders = sorted(_order_changes(caller, simulator))
    return Figures(
        packets=publisher.sent - packets,
        samples=len(taken),
        p50=statistics.median(taken),
        p99=taken[len(taken) * 99 // 100],
        longest=taken[-1],
        order_changes=len(orders),
        order_p50=statistics.median(orders),
        order_p99=orders[len(orders) * 99 // 100],
        quote_calls=sum(call.route == "marketquotes" for call in simulator.calls),
        before_mb=before,
        after_mb=resident_megabytes(feed.pid),
    )


def _order_changes(caller: Caller, simulator: Simulator) -> Iterator[float]:
    """Change an order as another program does; return the milliseconds until the site's book shows it."""
    order = {
        "exchange": "NSEEQ",
        "instrumentId": str(FIRST_NUMBER),
        "transactionType": "BUY",
        "quantity": "5",
        "orderComplexity": "REGULAR",
        "product": "DELIVERY",
        "orderType": "LIMIT",
        "price": "1",
        "validity": "DAY",
    }
    number = str(simulator.place_order(order)["brokerOrderId"])
    for step in range(ORDER_CHANGES):
        price = f"{1 + step % 10}.{step // 10 % 10}0"
        simulator.change_order(number, price=price)
        changed = perf_counter()
        while caller.order_price(number) != price and perf_counter() < changed + 10:
            pass
        yield 1000 * (perf_counter() - changed)


def _contract(number: int) -> dict[str, str]:
    return {
        "exchange": "NSEEQ",
        "underlyingInstrumentSymbol": f"SHARE{number}",
        "instrumentId": str(FIRST_NUMBER + number),
        "instrumentType": "EQUITY",
        "optionType": "XX",
        "strikePrice": "0",
        "underlyingInstrumentName": f"SHARE{number} LIMITED",
        "tradingSymbol": f"SHARE{number}-EQ",
        "expiry": "",
        "lotSize": "1",
        "tickSize": "0.05",
        "formattedInstrumentName": f"SHARE{number} LIMITED",
    }


@contextmanager
def _feed(folder: Path, variables: dict[str, str]) -> Iterator[Program]:
    command = [sys.executable, "manage.py", "runfeed"]
    environment = {**os.environ, **variables}
    with Program(command, log=folder / "feed.log", cwd=ROOT, environment=environment) as process:
        yield process
