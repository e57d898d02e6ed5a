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
- Orders are matched with the market's price whenever somebody looks, at any hour, so that they can be tried. The
  orders that a day begins with stay as they are, and all end with their day.
- Where the documents contradict themselves, one form is given; `--quirk` switches to the other (quirks.py).

A script (`--script FILE`, script.py) makes the prices of some symbols for the day on which the simulator is made. It is
a JSON file {"about": "...", "steps": [...]}, its steps in order of time:

    {"at": "09:15", "symbol": "INFY", "price": 1500}                     the price jumps there
    {"at": "10:00", "symbol": "INFY", "change": -1.5, "until": "10:20"}  moves there evenly; in % of yesterday's close
    {"at": "10:30", "symbol": "INFY", "fill": 40, "until": "11:00"}      40 % of an order is filled, the rest at 11:00
    {"at": "11:30", "market": "close"}, {"at": "11:45", "market": "open"}
    {"at": "12:00", "reject": "RMS:Blocked for ...", "symbol": "INFY"}   the next order; without symbol, of any
    {"at": "12:10", "payin": 250000}
    {"at": "12:20", "fault": "positions=503", "until": "12:25"}          as --fail
    {"at": "13:00", "quirk": "D4", "until": "13:30"}                     as --quirk

- Trading is from 09:15 to 15:30 less what the steps close; moves and fills lie within it. Until its first step a
  scripted symbol has yesterday's close. Other symbols do as without a script; while the market is closed they stand
  still with the rest, and go on as if it had not been.
- On that day orders are filled while the market is open only, at the first scripted price that reaches them, whether
  somebody looks or not. With its end those that wait are cancelled, except those for the next day (AMO).
- `until` switches a failure or quirk off, whoever switched it on. scripts/example.json is an ordinary day.
- `--start` and `--speed` set the simulator's own clock; the limits of calls and the latency keep real time.
"""

from broker.simulator.calls import Call
from broker.simulator.faults import FAULT_FORMS, Fault, parse_fault
from broker.simulator.options import DEFAULT_PORT, SimulatorError, SimulatorOptions
from broker.simulator.quirks import QUIRK_FORMS, QUIRKS, Quirk
from broker.simulator.script import SCRIPT_FORM
from broker.simulator.simulator import Simulator

__all__ = [
    "DEFAULT_PORT",
    "FAULT_FORMS",
    "QUIRKS",
    "QUIRK_FORMS",
    "SCRIPT_FORM",
    "Call",
    "Fault",
    "Quirk",
    "Simulator",
    "SimulatorError",
    "SimulatorOptions",
    "parse_fault",
]
