"""An HTTP server that speaks the wire format of IIFL's API: for development, demonstrations and tests.

It imports nothing of the project, so it is a second opinion on the format. What the broker's documents leave
open is decided here, once:

- A body that is not JSON of the right kind is answered by an EC005 row inside "Ok" (a login: by `Not_Ok`).
- An auth code may be used again, unlike the broker's, so that a site on the simulator can log in by itself.
- Only answered calls count towards the limits, and calls without a live session share one count.
- Weekly candles carry the Monday, monthly ones the 1st, also when no trading took place on it. They cover the
  whole week or month up to today, and are given when that stamp lies inside the range.
- `tradingLimit` is the sum of all credits less blocked payouts; `utilizedMargin` is not taken off.
- EC809 (range too long) begins at 366 days of intraday and 50 years of daily candles.
- Only reads are served in this version; placing an order is a 405.
"""

from broker.simulator.calls import Call
from broker.simulator.faults import FAULT_FORMS, Fault, parse_fault
from broker.simulator.options import DEFAULT_PORT, SimulatorError, SimulatorOptions
from broker.simulator.quirks import QUIRK_FORMS, QUIRKS, Quirk
from broker.simulator.simulator import Simulator

__all__ = [
    "DEFAULT_PORT",
    "FAULT_FORMS",
    "QUIRKS",
    "QUIRK_FORMS",
    "Call",
    "Fault",
    "Quirk",
    "Simulator",
    "SimulatorError",
    "SimulatorOptions",
    "parse_fault",
]
