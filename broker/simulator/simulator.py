"""The simulator as one object: starting, calling, and making it fail."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from threading import Event, Thread
from types import TracebackType
from typing import Self

from broker.simulator.account.account import Account
from broker.simulator.account.order_entry import OrderEntry
from broker.simulator.clock import SimulatedClock
from broker.simulator.faults.faults import STREAM, Fault, Faults
from broker.simulator.faults.quirks import Quirks
from broker.simulator.market import Market
from broker.simulator.options import SimulatorError, SimulatorOptions
from broker.simulator.prices.contracts import Contracts
from broker.simulator.prices.generated import GeneratedPrices
from broker.simulator.prices.replayed import ReplayedPrices
from broker.simulator.script.script import Script, read_script
from broker.simulator.script_player import ScriptPlayer
from broker.simulator.server import control, routes
from broker.simulator.server.call_log import Call, CallLog
from broker.simulator.server.dispatch import Dispatcher
from broker.simulator.server.handlers import Handlers
from broker.simulator.server.http_server import Server
from broker.simulator.server.rate_limits import RateLimits
from broker.simulator.server.sessions import Sessions
from broker.simulator.stream.extremes import Extremes
from broker.simulator.stream.hub import StreamHub
from broker.simulator.stream.payloads import Payloads
from broker.simulator.stream.server import StreamServer
from broker.simulator.stream.ticker import Ticker
from broker.simulator.wire import Answer, Clock, Request, Row, now_in_ist

# The longest time until `stop` takes effect, in seconds.
_POLL_INTERVAL = 0.05


class Simulator:
    """After `stop` it may be started again, with the same port, account and sessions.

    `clock` decides which day it is, `monotonic` is for the rate limits, and `sleep` (seconds) is for latency and
    hanging; the default `sleep` ends early when the simulator stops. `on_call` receives every call, from many threads.
    """

    def __init__(
        self,
        options: SimulatorOptions | None = None,
        *,
        clock: Clock = now_in_ist,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        on_call: Callable[[Call], None] | None = None,
    ) -> None:
        self.options = options or SimulatorOptions()
        self.now = SimulatedClock(clock, self.options)
        self._port = self.options.port
        self._server: Server | None = None
        self._thread: Thread | None = None
        self._stopping = Event()
        self._calls = CallLog()
        self._faults = Faults(routes.ROUTE_NAMES | {STREAM}, self.options.seed)
        self._quirks = Quirks(self.options.quirks)
        self.contracts = Contracts(self.options.contract_file())
        script = read_script(self.options.script) if self.options.script else Script()
        if script.steps and self.options.replay:
            raise SimulatorError("A scripted day has its own prices, so it cannot be combined with a replay.")
        replayed, generated = ReplayedPrices(self.options.candle_folder()), GeneratedPrices(self.options.seed)
        self.market = Market(
            replayed,
            generated,
            self.now,
            self.options.seed,
            script,
            replays=self.options.replay,
            holidays=self.options.holidays,
        )
        self.sessions = Sessions(self.options, self.now)
        self.account = Account(self.options.client_id, self.market, self.contracts, self.now)
        self._player = ScriptPlayer(
            script,
            self.now().date(),
            contracts=self.contracts,
            account=self.account,
            faults=self._faults,
            quirks=self._quirks,
        )
        self._control = control.Control(self._calls, self._faults, self._quirks, self.sessions, self)
        self._order_entry = OrderEntry(self.account, self.contracts, self.now)
        self._stream = self._build_stream()
        self._dispatch = self._build_dispatcher(monotonic, sleep or self._stopping.wait, on_call)

    @property
    def base_url(self) -> str:
        return f"http://{self.options.host}:{self._port}{routes.PREFIX}"

    @property
    def stream(self) -> StreamServer:
        """The live stream. Raises SimulatorError if the options have none."""
        if self._stream is None:
            raise SimulatorError("The simulator has no stream; its options have to name one.")
        return self._stream

    @property
    def stream_url(self) -> str:
        """The stream's address. Raises SimulatorError if the options have none."""
        return self.stream.url

    @property
    def calls(self) -> tuple[Call, ...]:
        """The last 100,000 calls under /v1, oldest first."""
        return self._calls.all()

    def clear_calls(self) -> None:
        self._calls.clear()

    def fail(self, route: str, name: str, times: int | None = None, rate: float | None = None) -> None:
        """Fail calls until cleared, or only some of them; FAULT_FORMS lists the names."""
        self._faults.add(Fault(route, name, times, rate))

    @property
    def faults(self) -> tuple[Fault, ...]:
        return self._faults.all()

    def clear_faults(self) -> None:
        self._faults.clear()

    def add_quirk(self, name: str) -> None:
        """Switch a quirk on until cleared; QUIRK_FORMS lists the names."""
        self._quirks.add(name)

    @property
    def quirks(self) -> tuple[str, ...]:
        return self._quirks.all()

    def clear_quirks(self) -> None:
        self._quirks.clear()

    def set_price(self, symbol: str, rupees: Decimal | float | str) -> None:
        """Let a symbol have this price, in quotes and the stream alike, until the next one or the end of the day.

        Raises ValueError for an unknown symbol, and for a price that is not above zero.
        """
        paise = round(Decimal(str(rupees)) * 100)
        if paise <= 0 or not self.contracts.knows(symbol):
            raise ValueError(f"There is no symbol {symbol!r} with a price of {rupees}.")
        with self._frozen_time():
            self.market.fix_price(symbol, paise)
            self.account.books()  # which matches the orders with it

    def release_prices(self) -> None:
        """Let the prices that were set move by themselves again."""
        self.market.release_prices()

    def replayed_session(self) -> date | None:
        """Return the day whose session is repeated now; None without a replay, and while the market is open."""
        return self.market.replayed_session()

    def place_order(self, order: Mapping[str, object]) -> Row:
        """Place an order as another program of the account holder's does; the fields are those of the broker's API."""
        with self._frozen_time():
            return self._order_entry.place(order)

    def change_order(self, number: str, **fields: object) -> Row:
        """Change an order as another program does."""
        with self._frozen_time():
            return self._order_entry.change(number, fields)

    def cancel_order(self, number: str) -> Row:
        """Cancel an order as another program does."""
        with self._frozen_time():
            return self._order_entry.cancel(number)

    def fill_order(self, number: str, quantity: int, rupees: Decimal | float | str) -> Row:
        """Fill so many of an order at this price, whatever the market's is; one quantity is one trade."""
        with self._frozen_time():
            return self._order_entry.fill(number, quantity, round(Decimal(str(rupees)) * 100))

    def reject_order(self, number: str, reason: str) -> Row:
        """Let the exchange reject an open order."""
        with self._frozen_time():
            return self._order_entry.reject(number, reason)

    def handle(self, request: Request) -> Answer:
        """Handle a call without a network."""
        if not request.path.startswith(control.PREFIX + "/"):
            return self._dispatch(request)
        with self._frozen_time():
            return self._control(request)

    def start(self) -> Self:
        """Return once it listens. Raises SimulatorError if the port is taken."""
        if self._server is not None:
            return self
        try:
            self._server = Server((self.options.host, self._port), self.handle)
        except (OSError, OverflowError) as error:
            raise SimulatorError(
                f"The simulator cannot listen on {self.options.host}:{self._port}: {error}."
            ) from error
        self._port = self._server.server_address[1]
        self._stopping.clear()
        if self._stream is not None:
            self._start_stream(self._stream)
        self._thread = Thread(
            target=self._server.serve_forever, args=(_POLL_INTERVAL,), name="iifl-simulator", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close the port and every connection; do nothing if already stopped."""
        if self._server is None or self._thread is None:
            return
        self._stopping.set()
        if self._stream is not None:
            self._stream.stop()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server = self._thread = None

    def serve_forever(self) -> None:
        """Run until another thread calls `stop`, or until interrupted."""
        self.start()
        try:
            # A signal that arrives just before an endless wait would not end it.
            while not self._stopping.wait(1):
                pass
        finally:
            self.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _build_dispatcher(
        self,
        monotonic: Callable[[], float],
        sleep: Callable[[float], object],
        on_call: Callable[[Call], None] | None,
    ) -> Dispatcher:
        return Dispatcher(
            handlers=Handlers(self.sessions, self.account, self._order_entry, self.market, self.contracts),
            sessions=self.sessions,
            faults=self._faults,
            quirks=self._quirks,
            limits=RateLimits(monotonic) if self.options.limits else None,
            calls=self._calls,
            now=self.now,
            freeze_time=self._frozen_time,
            latency=self.options.latency / 1000,
            hang=self.options.hang,
            sleep=sleep,
            on_call=on_call,
        )

    def _build_stream(self) -> StreamServer | None:
        options = self.options.stream
        if options is None:
            return None
        payloads = Payloads(self.market, self.contracts, lambda: not self._quirks.has("stream-no-index-mw"))
        ticker = Ticker(
            market=self.market,
            account=self.account,
            payloads=payloads,
            extremes=Extremes(self.market, self.contracts, self.now),
            faults=self._faults,
            freeze_time=self._frozen_time,
            rate=options.rate,
        )
        hub = StreamHub(
            client_id=self.options.client_id,
            is_active=self.sessions.is_active,
            faults=self._faults,
            quirks=self._quirks,
            last_value=ticker.last_value,
        )
        return StreamServer(options, self.options.host, hub, ticker, self.account, self._quirks)

    def _start_stream(self, stream: StreamServer) -> None:
        try:
            stream.start()
        except SimulatorError:
            self._close_server()
            raise

    def _close_server(self) -> None:
        if self._server is not None:
            self._server.server_close()
            self._server = None

    @contextmanager
    def _frozen_time(self) -> Iterator[None]:
        """Freeze the time for a call, and run the script up to it."""
        with self.now.frozen() as now:
            self._player.play(now)
            yield
