"""The simulator as one object: start it, call it, make it fail."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from types import TracebackType
from typing import Self

from broker.simulator import control, routes
from broker.simulator.account import Account
from broker.simulator.calls import Call, CallLog
from broker.simulator.clock import RunningClock
from broker.simulator.contracts import Contracts
from broker.simulator.counter import Counter
from broker.simulator.desk import Desk
from broker.simulator.dispatch import Dispatcher
from broker.simulator.faults import Fault, Faults
from broker.simulator.generated import GeneratedPrices
from broker.simulator.limits import RateLimits
from broker.simulator.market import Market
from broker.simulator.options import SimulatorError, SimulatorOptions
from broker.simulator.player import Player
from broker.simulator.quirks import Quirks
from broker.simulator.replayed import ReplayedPrices
from broker.simulator.script import Script, read_script
from broker.simulator.server import Server
from broker.simulator.session import Sessions
from broker.simulator.wire import Answer, Clock, Request, now_in_ist

# How soon `stop` is noticed, in seconds.
_STOP_CHECK = 0.05


class Simulator:
    """Once stopped it may be started again: same port, account and sessions, as if it had been away.

    `clock` decides what is today, `monotonic` feeds the limits, `sleep` (seconds) is how latency and hanging
    wait; the default one ends early when the simulator stops. Many threads tell `on_call` of every call.
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
        self._now = RunningClock(clock, self.options)
        self._port = self.options.port
        self._server: Server | None = None
        self._thread: Thread | None = None
        self._stopping = Event()
        self._calls = CallLog()
        self._faults = Faults(routes.ROUTE_NAMES, self.options.seed)
        self._quirks = Quirks(self.options.quirks)
        self.contracts = Contracts(self.options.contract_file())
        script = read_script(self.options.script) if self.options.script else Script()
        self.market = self._opened_market(script)
        self.sessions = Sessions(self.options, self._now)
        self.account = Account(self.options.client_id, self.market, self.contracts, self._now)
        self._player = Player(
            script,
            self._now().date(),
            contracts=self.contracts,
            account=self.account,
            faults=self._faults,
            quirks=self._quirks,
        )
        self._control = control.Control(self._calls, self._faults, self._quirks, self.sessions)
        self._dispatch = Dispatcher(
            desk=Desk(
                self.sessions,
                self.account,
                Counter(self.account, self.contracts, self._now),
                self.market,
                self.contracts,
            ),
            sessions=self.sessions,
            faults=self._faults,
            quirks=self._quirks,
            limits=RateLimits(monotonic) if self.options.limits else None,
            calls=self._calls,
            now=self._now,
            moment=self._moment,
            latency=self.options.latency / 1000,
            hang=self.options.hang,
            sleep=sleep or self._stopping.wait,
            on_call=on_call,
        )

    @property
    def base_url(self) -> str:
        return f"http://{self.options.host}:{self._port}{routes.PREFIX}"

    @property
    def calls(self) -> tuple[Call, ...]:
        """What came in under /v1, oldest first; the last 100,000."""
        return self._calls.all()

    def reset_calls(self) -> None:
        self._calls.clear()

    def fail(self, route: str, name: str, times: int | None = None, rate: float | None = None) -> None:
        """Until healed, or for so many calls, or for that share of them; FAULT_FORMS tells the names."""
        self._faults.add(Fault(route, name, times, rate))

    @property
    def faults(self) -> tuple[Fault, ...]:
        return self._faults.all()

    def heal(self) -> None:
        self._faults.clear()

    def add_quirk(self, name: str) -> None:
        """Until cleared; QUIRK_FORMS tells the names."""
        self._quirks.add(name)

    @property
    def quirks(self) -> tuple[str, ...]:
        return self._quirks.all()

    def clear_quirks(self) -> None:
        self._quirks.clear()

    def handle(self, request: Request) -> Answer:
        """One call without a network."""
        if not request.path.startswith(control.PREFIX + "/"):
            return self._dispatch(request)
        with self._moment():
            return self._control(request)

    def start(self) -> Self:
        """Returns when it listens; SimulatorError when the port is taken."""
        if self._server is not None:
            return self
        self._server = self._bound()
        self._port = self._server.server_address[1]
        self._stopping.clear()
        self._thread = Thread(
            target=self._server.serve_forever, args=(_STOP_CHECK,), name="iifl-simulator", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Closes the port and every connection; does nothing when stopped."""
        if self._server is None or self._thread is None:
            return
        self._stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server = self._thread = None

    def serve_forever(self) -> None:
        """Returns when another thread calls `stop`, and stops when interrupted."""
        self.start()
        try:
            self._stopping.wait()
        finally:
            self.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @contextmanager
    def _moment(self) -> Iterator[None]:
        """One time for all of a call, with what the script has done up to it."""
        with self._now.held() as now:
            self._player.play(now)
            yield

    def _bound(self) -> Server:
        try:
            return Server((self.options.host, self._port), self.handle)
        except (OSError, OverflowError) as error:
            raise SimulatorError(
                f"The simulator cannot listen on {self.options.host}:{self._port}: {error}."
            ) from error

    def _opened_market(self, script: Script) -> Market:
        replayed = ReplayedPrices(self.options.candle_folder())
        generated = GeneratedPrices(self.options.seed)
        return Market(replayed, generated, self._now, self.options.seed, script)
