"""Runs the simulator of the broker's API."""

import signal
import threading
from datetime import datetime, time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from broker.simulator import (
    DEFAULT_PORT,
    FAULT_FORMS,
    QUIRK_FORMS,
    SCRIPT_FORM,
    Call,
    Simulator,
    SimulatorError,
    SimulatorOptions,
    parse_fault,
)


class Command(BaseCommand):
    help = "Run a server that speaks the wire format of IIFL's API, until Ctrl-C or SIGTERM."
    # It needs neither the database nor Redis, so what is wrong with those shall not stop it.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--port", type=int, default=DEFAULT_PORT, help="0 takes a free one (default: %(default)s)")
        add("--data", metavar="DIR", help="replay daily candles from the SYMBOL.csv files in DIR")
        add("--contracts", metavar="FILE", help="serve this NSEEQ.json")
        add("--latency", type=float, default=0.0, metavar="MS", help="let every call wait")
        add("--fail", action="append", metavar="ROUTE=NAME", help=f"may be repeated: {FAULT_FORMS}")
        add("--quirk", action="append", default=[], metavar="NAME", help=f"may be repeated: {QUIRK_FORMS}")
        add("--seed", type=int, default=1, help="for made-up prices and for failures by rate")
        add("--script", metavar="FILE", help=f"play a day; `example` is one that comes along. {SCRIPT_FORM}")
        add("--start", metavar="HH:MM", help="its time of day to begin with, or a date too: 2026-01-05T09:00 (IST)")
        add("--speed", type=float, default=1.0, help="how many times as fast its clock goes (default: %(default)s)")
        add("--no-limits", action="store_true", help="answer any number of calls per second")
        add("--quiet", action="store_true", help="do not print the calls")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._run(self._simulator(options))
        except (SimulatorError, ValueError) as error:
            raise CommandError(str(error)) from error

    def _simulator(self, options: dict[str, Any]) -> Simulator:
        chosen = SimulatorOptions(
            port=options["port"],
            data=_path(options["data"]),
            contracts=_path(options["contracts"]),
            latency=options["latency"],
            seed=options["seed"],
            limits=not options["no_limits"],
            quirks=tuple(options["quirk"]),
            script=options["script"],
            start=_moment(options["start"]),
            speed=options["speed"],
        )
        simulator = Simulator(chosen, on_call=None if options["quiet"] else self._print_call)
        for text in options["fail"] or ():
            fault = parse_fault(text)
            simulator.fail(fault.route, fault.name, fault.times, fault.rate)
        return simulator

    def _run(self, simulator: Simulator) -> None:
        # Python lets only the main thread decide about signals; a test may run the command in another.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            simulator.start()
            self._print(f"Simulator of IIFL's API on {simulator.base_url}")
            simulator.serve_forever()
        except KeyboardInterrupt:
            simulator.stop()

    def _print_call(self, call: Call) -> None:
        self._print(f"{call.at:%H:%M:%S} {call.method} {call.path} {call.status}")

    def _print(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _moment(text: str | None) -> time | datetime | None:
    """ValueError for what is neither a time of day nor a date with one."""
    if text is None:
        return None
    return datetime.fromisoformat(text) if "T" in text else time.fromisoformat(text)
