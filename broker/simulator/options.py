"""What can be chosen about a simulator."""

from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path

DEFAULT_PORT = 9780


class SimulatorError(Exception):
    """The simulator cannot start as asked; the message is one sentence for its operator."""


@dataclass(frozen=True, kw_only=True)
class SimulatorOptions:
    port: int = DEFAULT_PORT
    """0 takes a free one."""
    host: str = "127.0.0.1"
    data: Path | None = None
    """A folder of SYMBOL.csv files, or one that holds `candles_daily/` and perhaps `contracts/NSEEQ.json`."""
    contracts: Path | None = None
    """NSEEQ.json, a bare list; None takes the one in `data`, else the built-in list."""
    latency: float = 0.0
    """Milliseconds that every call waits."""
    hang: float = 60.0
    """Seconds for which the failures `hang` and `timeout` stay silent before they close the connection."""
    seed: int = 1
    limits: bool = True
    quirks: tuple[str, ...] = ()
    """Names out of the table in quirks.py, `forms` or `all`."""
    script: Path | str | None = None
    """A file of script.py's form for the day on which the simulator is made; `example` is the one that comes along."""
    start: time | datetime | None = None
    """The simulator's time to begin with, in IST; None: the present one."""
    speed: float = 1.0
    """How many times as fast as others its clock goes."""
    client_id: str = "SIM0001"
    app_secret: str = "simulator-secret"  # noqa: S105 - a public make-believe, opens nothing
    auth_code: str = "SIMULATED"

    def candle_folder(self) -> Path | None:
        if self.data is None:
            return None
        if not self.data.is_dir():
            raise SimulatorError(f"There is no folder {self.data} to take candles from.")
        nested = self.data / "candles_daily"
        return nested if nested.is_dir() else self.data

    def contract_file(self) -> Path | None:
        if self.contracts is not None:
            return self.contracts
        if self.data is None:
            return None
        beside_candles = self.data / "contracts" / "NSEEQ.json"
        return beside_candles if beside_candles.is_file() else None
