"""manage.py runsimulator"""

import signal
import socket
import subprocess
import sys
from datetime import datetime, time
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from django.core.management.base import CommandError

from broker.management.commands.runsimulator import Command
from broker.simulator import Fault, SimulatorOptions, StreamOptions

ROOT = Path(__file__).parents[3]
# The command by itself, so that this test does not depend on the site's settings and services.
RUN = (
    "import sys; from django.conf import settings; settings.configure(); "
    "from broker.management.commands.runsimulator import Command; "
    "Command().run_from_argv(['manage.py', 'runsimulator', *sys.argv[1:]])"
)


def options(*arguments: str) -> dict[str, Any]:
    parsed = Command().create_parser("manage.py", "runsimulator").parse_args(arguments)
    return vars(parsed)


def test_it_listens_on_its_own_port_with_limits_by_default() -> None:
    chosen = options()
    assert (chosen["port"], chosen["no_limits"], chosen["quiet"], chosen["seed"]) == (9780, False, False, 1)


def test_options_reach_the_simulator(tmp_path: Path) -> None:
    (tmp_path / "INFY.csv").write_text("date,open,high,low,close,volume\n")
    arguments = ["--port", "0", "--data", str(tmp_path), "--latency", "5", "--seed", "7", "--no-limits", "--quiet"]
    simulator = Command().build_simulator(options(*arguments, "--fail", "holdings=500*2", "--fail", "all=EC003@0.5"))
    assert simulator.options == SimulatorOptions(
        port=0, data=tmp_path, latency=5, seed=7, limits=False, stream=StreamOptions(port=0)
    )
    assert simulator.faults == (Fault("holdings", "500", times=2), Fault("all", "EC003", rate=0.5))
    assert Command().build_simulator(options("--quirk", "D4", "--quirk", "D10")).quirks == ("D4", "D10")


@pytest.mark.parametrize(
    ("told", "start"),
    [
        ("09:00", time(9, 0)),
        ("2025-11-20T09:00", datetime(2025, 11, 20, 9, 0)),  # noqa: DTZ001 - IST is understood
    ],
)
def test_a_day_is_played_from_a_time_on_and_fast(told: str, start: time | datetime) -> None:
    simulator = Command().build_simulator(
        options("--script", "example", "--start", "2025-11-20T09:00", "--speed", "60", "--port", "0")
    )
    assert (simulator.options.script, simulator.options.speed) == ("example", 60)
    assert Command().build_simulator(options("--start", told)).options.start == start


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--fail", "nonsense"), "ROUTE=NAME"),
        (("--fail", "nowhere=500"), "There is no route 'nowhere'"),
        (("--script", "/no/such/script"), "There is no script /no/such/script"),
        (("--speed", "0"), "The clock's speed must be above 0"),
        (("--start", "nine"), "Invalid isoformat string: 'nine'"),
        (("--quirk", "D99"), "There is no quirk 'D99'"),
        (("--quirk", "D9"), "D9 cannot be switched on"),
        (("--data", "/no/such/folder"), "There is no folder /no/such/folder"),
        (("--contracts", "/no/such/file"), "There is no contract file /no/such/file"),
        (("--port", "99999"), "cannot listen on 127.0.0.1:99999"),
        (("--port", "x"), "invalid int value"),
    ],
)
def test_a_wrong_option_is_a_command_error_in_a_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        Command().handle(**options(*arguments))


def test_a_port_that_is_taken_is_a_command_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(CommandError, match=f"cannot listen on 127.0.0.1:{port}"):
            Command().handle(**options("--port", port))


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_listens_prints_calls_and_ends_cleanly(ending: signal.Signals) -> None:
    command = [sys.executable, "-c", RUN, "--port", "0"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # tests in the background ignore SIGINT
    ) as process:
        assert process.stdout
        line = process.stdout.readline()
        assert line.startswith("Simulator of IIFL's API on http://127.0.0.1:")
        assert process.stdout.readline().startswith("Its live stream on mqtt://127.0.0.1:")
        with pytest.raises(HTTPError, match="401"):
            urlopen(f"{line.split()[-1]}/profile", timeout=60)  # noqa: S310 - the address is the command's own
        assert process.stdout.readline().endswith("GET /v1/profile 401\n")
        process.send_signal(ending)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
