"""The simulator's options."""

from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path

DEFAULT_PORT = 9780


class SimulatorError(Exception):
    """The simulator cannot start with these options; the message is one sentence for its operator."""


@dataclass(frozen=True, kw_only=True)
class StreamOptions:
    """The live stream: MQTT, and inside TLS if there is a certificate."""

    port: int = 0
    """0 picks a free port."""
    certificate: Path | None = None
    key: Path | None = None
    """The certificate's key, unless it is in the same file."""
    interval: float = 0.2
    """Seconds between two looks at the prices; what has changed is sent."""
    rate: float = 0.0
    """Price packets to send each second, even if no price moves: of all subscribed instruments in turn."""


@dataclass(frozen=True, kw_only=True)
class SimulatorOptions:
    port: int = DEFAULT_PORT
    """0 picks a free port."""
    host: str = "127.0.0.1"
    data: Path | None = None
    """A folder of SYMBOL.csv files, or one with `candles_daily/` and optionally `contracts/NSEEQ.json`."""
    contracts: Path | None = None
    """NSEEQ.json, a JSON list; None means the one in `data`, or the built-in list."""
    latency: float = 0.0
    """The delay of every call, in milliseconds."""
    hang: float = 60.0
    """Seconds that the failures `hang` and `timeout` wait before they close the connection."""
    seed: int = 1
    limits: bool = True
    quirks: tuple[str, ...] = ()
    """Names from the table in quirks.py, `forms` or `all`."""
    script: Path | str | None = None
    """A script (see script.py) for the day on which the simulator is created; `example` is the included one."""
    start: time | datetime | None = None
    """The time at which the simulator's clock starts, in IST; None means now."""
    speed: float = 1.0
    """The speed of its clock as a multiple of real time."""
    replay: bool = False
    """Whether the last session is repeated, at any hour, while the market is closed."""
    holidays: tuple[date, ...] = ()
    """Weekdays on which the market is closed."""
    stream: StreamOptions | None = None
    """None means no stream."""
    client_id: str = "SIM0001"
    app_secret: str = "simulator-secret"  # noqa: S105 - the simulator's secret is public and protects nothing
    auth_code: str = "SIMULATED"

    def candle_folder(self) -> Path | None:
        if self.data is None:
            return None
        if not self.data.is_dir():
            raise SimulatorError(f"There is no folder {self.data} to read candles from.")
        nested = self.data / "candles_daily"
        return nested if nested.is_dir() else self.data

    def contract_file(self) -> Path | None:
        if self.contracts is not None:
            return self.contracts
        if self.data is None:
            return None
        beside_candles = self.data / "contracts" / "NSEEQ.json"
        return beside_candles if beside_candles.is_file() else None
