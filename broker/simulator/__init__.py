"""An HTTP server that speaks the wire format of IIFL's API, for development, demonstrations and tests.

With `SimulatorOptions(stream=StreamOptions())` it speaks the live stream too, an MQTT server (stream/), from the same
account and prices. On a clock that stands still nothing is sent: only what has changed is.

It imports nothing from the rest of the project, so it is an independent check of the format. It decides what the
broker's documents leave open:

- A body that is not JSON of the right kind gets an EC005 row inside "Ok"; a login gets `Not_Ok`.
- An auth code works any number of times, unlike the broker's, so that a site on the simulator can log in by itself.
- Only answered calls count towards the rate limits, and calls without a valid session share one count.
- Weekly candles carry the Monday, monthly ones the 1st, even if there was no trading on that day. They cover the
  whole week or month up to today, and are returned if that date is inside the range.
- `tradingLimit` is the sum of all credits less blocked payouts; `utilizedMargin` is not subtracted.
- EC809 (range too long) starts at 366 days of intraday and 50 years of daily candles.
- Orders are matched against the market price on each call, at any hour, so that they can be tried out. The orders
  that a day starts with stay as they are, and all orders end with their day.
- Where the documents contradict themselves, one form is the default; `--quirk` switches to the other (quirks.py).

A script (`--script FILE`, script.py) sets the prices of some symbols on the day on which the simulator is created. It
is a JSON file {"about": "...", "steps": [...]} with its steps in order of time:

    {"at": "09:15", "symbol": "INFY", "price": 1500}                     the price jumps to 1500
    {"at": "10:00", "symbol": "INFY", "change": -1.5, "until": "10:20"}  moves evenly; in % of the previous close
    {"at": "10:30", "symbol": "INFY", "fill": 40, "until": "11:00"}      40 % of an order is filled, the rest at 11:00
    {"at": "11:30", "market": "close"}, {"at": "11:45", "market": "open"}
    {"at": "12:00", "reject": "RMS:Blocked for ...", "symbol": "INFY"}   the next order; without symbol, of any
    {"at": "12:10", "payin": 250000}
    {"at": "12:20", "fault": "positions=503", "until": "12:25"}          as --fail
    {"at": "13:00", "quirk": "D4", "until": "13:30"}                     as --quirk

- Trading is from 09:15 to 15:30 except where steps close the market; moves and fills must be within trading. Until its
  first step, a scripted symbol has the previous close. Other symbols move as without a script; while the market is
  closed all prices stand still, and afterwards they continue as if it had been open.
- On that day orders are filled only while the market is open, at the first scripted price that reaches them, whether or
  not there are calls. At its end open orders are cancelled, except those for the next day (AMO).
- `until` switches a failure or quirk off, no matter how it was switched on. script/examples/example.json is an ordinary
  day.
- `--start` and `--speed` set the simulator's own clock; rate limits and latency use real time.
"""

from broker.simulator.faults.faults import FAULT_FORMS, STREAM_FAULT_FORMS, Fault, parse_fault
from broker.simulator.faults.quirks import QUIRK_FORMS, QUIRKS, Quirk
from broker.simulator.options import DEFAULT_PORT, SimulatorError, SimulatorOptions, StreamOptions
from broker.simulator.script.script import SCRIPT_FORM
from broker.simulator.server.call_log import Call
from broker.simulator.simulator import Simulator
from broker.simulator.stream.server import StreamClient, StreamServer

__all__ = [
    "DEFAULT_PORT",
    "FAULT_FORMS",
    "QUIRKS",
    "QUIRK_FORMS",
    "SCRIPT_FORM",
    "STREAM_FAULT_FORMS",
    "Call",
    "Fault",
    "Quirk",
    "Simulator",
    "SimulatorError",
    "SimulatorOptions",
    "StreamClient",
    "StreamOptions",
    "StreamServer",
    "parse_fault",
]
