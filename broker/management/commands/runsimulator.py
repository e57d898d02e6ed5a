"""Runs the simulator of the broker's API."""

import signal
import threading
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from broker.simulator import (
    DEFAULT_PORT,
    FAULT_FORMS,
    QUIRK_FORMS,
    SCRIPT_FORM,
    STREAM_FAULT_FORMS,
    Call,
    Simulator,
    SimulatorError,
    SimulatorOptions,
    StreamOptions,
    parse_fault,
)


class Command(BaseCommand):
    help = "Run a server that speaks the wire format of IIFL's API, until Ctrl-C or SIGTERM."
    # It needs neither the database nor Redis, so problems with those must not stop it.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--port", type=int, default=DEFAULT_PORT, help="0 picks a free port (default: %(default)s)")
        add(
            "--stream-port",
            type=int,
            help="where the live stream is (MQTT); 0 picks a free port (default: the port after --port, or a free one)",
        )
        add("--stream-cert", metavar="FILE", help="a certificate, with which the live stream is inside TLS")
        add("--stream-key", metavar="FILE", help="its key, unless --stream-cert has it")
        add("--stream-rate", type=float, default=0.0, metavar="N", help="send at least N price packets a second")
        add(
            "--clock",
            choices=("live", "replay"),
            default="live",
            help="replay: repeat the last session while the market is closed, so that prices move at any hour",
        )
        add(
            "--holiday",
            action="append",
            default=[],
            type=date.fromisoformat,
            metavar="YYYY-MM-DD",
            help="a weekday on which the market is closed; may be repeated",
        )
        add("--data", metavar="DIR", help="replay daily candles from the SYMBOL.csv files in DIR")
        add("--contracts", metavar="FILE", help="serve this NSEEQ.json")
        add("--latency", type=float, default=0.0, metavar="MS", help="delay every call")
        add(
            "--fail",
            action="append",
            metavar="ROUTE=NAME",
            help=f"fail calls; may be repeated: {FAULT_FORMS}. Or: {STREAM_FAULT_FORMS}",
        )
        add(
            "--quirk",
            action="append",
            default=[],
            metavar="NAME",
            help=f"switch a quirk on; may be repeated: {QUIRK_FORMS}",
        )
        add("--seed", type=int, default=1, help="for generated prices and for failures by rate")
        add("--script", metavar="FILE", help=f"play a scripted day; `example` is included. {SCRIPT_FORM}")
        add(
            "--start",
            metavar="HH:MM",
            help="the time of day at which its clock starts, optionally with a date: 2026-01-05T09:00 (IST)",
        )
        add(
            "--speed",
            type=float,
            default=1.0,
            help="the speed of its clock as a multiple of real time (default: %(default)s)",
        )
        add("--no-limits", action="store_true", help="answer any number of calls per second")
        add("--quiet", action="store_true", help="do not print the calls")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._run(self.build_simulator(options))
        except (SimulatorError, ValueError) as error:
            raise CommandError(str(error)) from error

    def build_simulator(self, options: dict[str, Any]) -> Simulator:
        simulator_options = SimulatorOptions(
            port=options["port"],
            data=_path(options["data"]),
            contracts=_path(options["contracts"]),
            latency=options["latency"],
            seed=options["seed"],
            limits=not options["no_limits"],
            quirks=tuple(options["quirk"]),
            script=options["script"],
            start=_start_time(options["start"]),
            speed=options["speed"],
            replay=options["clock"] == "replay",
            holidays=tuple(options["holiday"]),
            stream=StreamOptions(
                port=_stream_port(options["stream_port"], options["port"]),
                certificate=_path(options["stream_cert"]),
                key=_path(options["stream_key"]),
                rate=options["stream_rate"],
            ),
        )
        simulator = Simulator(simulator_options, on_call=None if options["quiet"] else self._print_call)
        for text in options["fail"] or ():
            fault = parse_fault(text)
            simulator.fail(fault.route, fault.name, fault.times, fault.rate)
        return simulator

    def _run(self, simulator: Simulator) -> None:
        # Python allows only the main thread to handle signals; a test may run the command in another.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            simulator.start()
            self._print(f"Simulator of IIFL's API on {simulator.base_url}")
            self._print(f"Its live stream on {simulator.stream_url}")
            simulator.serve_forever()
        except KeyboardInterrupt:
            simulator.stop()

    def _print_call(self, call: Call) -> None:
        self._print(f"{call.at:%H:%M:%S} {call.method} {call.path} {call.status}")

    def _print(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _stream_port(port: int | None, api_port: int) -> int:
    if port is not None:
        return port
    return api_port + 1 if api_port else 0


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _start_time(text: str | None) -> time | datetime | None:
    """Parse a time of day, with or without a date. Raises ValueError."""
    if text is None:
        return None
    return datetime.fromisoformat(text) if "T" in text else time.fromisoformat(text)
