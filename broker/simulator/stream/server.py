"""The stream as a whole: a loop of its own in a thread, and what tests and the control routes do to it."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from threading import Thread, get_ident
from typing import TypeVar

import msgspec

from broker.simulator.account.account import Account
from broker.simulator.account.changes import OrderChange
from broker.simulator.faults.quirks import Quirks
from broker.simulator.options import SimulatorError, StreamOptions
from broker.simulator.stream.connection import Connection
from broker.simulator.stream.hub import StreamHub
from broker.simulator.stream.ticker import STATUS_EXCHANGES, Ticker
from broker.simulator.stream.topics import ORDER, TRADE, updates_topic
from broker.simulator.stream.updates import order_update, trade_update

CALL_TIMEOUT = 30.0  # seconds
T = TypeVar("T")
logger = logging.getLogger(__name__)


class StreamClient(msgspec.Struct, frozen=True):
    """A connected client, as it is now."""

    client_id: str
    topics: tuple[str, ...]
    sent: int
    """Packets of data."""
    discarded: int
    """Packets that it read too slowly to get."""


class StreamServer:
    """Methods may be called from any thread; before `start` and after `stop` they raise SimulatorError."""

    def __init__(
        self, options: StreamOptions, host: str, hub: StreamHub, ticker: Ticker, account: Account, quirks: Quirks
    ) -> None:
        self._options = options
        self._host = host
        self._port = options.port
        self._hub = hub
        self._ticker = ticker
        self._account = account
        self._quirks = quirks
        self._tls = _tls_context(options)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        self._stopped = asyncio.Event()

    @property
    def url(self) -> str:
        return f"{'mqtts' if self._tls else 'mqtt'}://{self._host}:{self._port}"

    def start(self) -> None:
        """Return once it listens. Raises SimulatorError if the port is taken."""
        ready: Future[int] = Future()
        self._stopped = asyncio.Event()
        self._thread = Thread(target=lambda: asyncio.run(self._serve(ready)), name="iifl-simulator-stream", daemon=True)
        self._thread.start()
        try:
            self._port = ready.result()
        except (OSError, OverflowError) as error:
            self._thread.join()
            raise SimulatorError(
                f"The simulator's stream cannot listen on {self._host}:{self._port}: {error}."
            ) from error
        self._account.listen(self._announce)

    def stop(self) -> None:
        """Close the port and all connections."""
        self._account.listen(None)
        if self._loop and self._thread:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join()
        self._loop = self._thread = None

    def clients(self) -> tuple[StreamClient, ...]:
        return self._call(
            lambda: tuple(
                StreamClient(client.client_id, tuple(sorted(client.topics)), client.sent, client.discarded)
                for client in self._hub.connections
            )
        )

    def subscriptions(self) -> frozenset[str]:
        """Return the topics that at least one client is subscribed to."""
        return self._call(lambda: frozenset(text for text, _ in self._hub.topics()))

    def published(self) -> int:
        """Return how many packets of data were sent, each once for all its subscribers."""
        return self._call(lambda: self._hub.published)

    def push(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish a payload, whatever it is, to the topic's subscribers; faults apply to it."""
        self._call(lambda: self._hub.publish(topic, payload, retain=retain))

    def send_raw(self, data: bytes) -> None:
        """Write these bytes to all connections."""
        self._call(lambda: self._hub.write_to_all(data))

    def drop_connections(self, *, mid_packet: bool = False) -> None:
        """Close all connections, `mid_packet` after the first half of a packet of data."""
        self._call(lambda: self._hub.close_connections(mid_packet=mid_packet))

    def set_market_status(self, code: int, exchange: str | None = None) -> None:
        """Let an exchange, or all, have this status until the market's own changes."""
        for name in (exchange.upper(),) if exchange else STATUS_EXCHANGES:
            self._call(partial(self._ticker.set_status, name, code))
        self.tick()

    def tick(self) -> None:
        """Send at once what has changed, rather than at the next look."""
        self._call(lambda: self._ticker.tick(self._hub))

    async def _serve(self, ready: "Future[int]") -> None:
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                lambda: Connection(self._hub), self._host, self._port, ssl=self._tls, reuse_address=True
            )
        except BaseException as error:  # `start` waits for the outcome, and raises it
            ready.set_exception(error)
            return
        self._loop = loop
        ready.set_result(server.sockets[0].getsockname()[1])
        while not self._stopped.is_set():
            try:
                self._ticker.tick(self._hub)
            except Exception:  # the stream must outlive a tick that fails: the next one follows
                logger.exception("simulator: a look at the prices failed")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), self._options.interval)
        server.close()
        self._hub.abort_connections()
        await asyncio.sleep(0)  # so that the connections hear of it

    def _announce(self, change: OrderChange) -> None:
        """Take a change in the thread that made it."""
        if self._loop:
            with suppress(RuntimeError):  # the loop has just ended
                self._loop.call_soon_threadsafe(self._publish, change)

    def _publish(self, change: OrderChange) -> None:
        client_id = self._account.client_id
        dates_as_text = self._quirks.has("D19")
        self._publish_update(ORDER, order_update(change.order, client_id, dates_as_text=dates_as_text))
        for position, fill in change.fills:
            trade = trade_update(
                change.order,
                position,
                fill,
                client_id,
                side_in_words=self._quirks.has("stream-sides-in-words"),
                dates_as_text=dates_as_text,
            )
            self._publish_update(TRADE, trade)

    def _publish_update(self, kind: str, payload: bytes) -> None:
        """Publish under the account's name, and in small letters for clients that write topics so."""
        for name in dict.fromkeys((self._account.client_id, self._account.client_id.lower())):
            self._hub.publish(updates_topic(kind, name), payload)

    def _call(self, function: Callable[[], T]) -> T:
        """Call in the loop's thread, and wait for the result."""
        if self._loop is None or self._thread is None:
            raise SimulatorError("The simulator's stream is not running.")
        if get_ident() == self._thread.ident:
            return function()

        async def call() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(CALL_TIMEOUT)


def _tls_context(options: StreamOptions) -> ssl.SSLContext | None:
    if options.certificate is None:
        if options.key is not None:
            raise SimulatorError("The stream's key needs its certificate.")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(options.certificate, options.key)
    except (OSError, ssl.SSLError) as error:
        raise SimulatorError(f"The stream's certificate {options.certificate} cannot be used: {error}.") from error
    return context
