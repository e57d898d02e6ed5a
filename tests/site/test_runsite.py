"""`manage.py runsite`: the whole site on one machine, from nothing, and all of it gone afterwards."""

import csv
import json
import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import redis
import requests

from tests.infra.waiting import eventually, is_running
from tests.servers.processes import children_of, command_of, only_linux
from tests.servers.project import copy_to
from tests.servers.runsite import RunningSite
from tests.site.routes import GET_ROUTES, with_slash, without_slash

pytestmark = [only_linux, pytest.mark.timeout(240)]

MakeSite = Callable[..., RunningSite]
TIMEOUT = 30.0


def get(site: RunningSite, route: str, **options: Any) -> requests.Response:
    headers = {"Authorization": f"Token {site.token}"}
    return requests.get(site.url + route, headers=headers, timeout=TIMEOUT, **options)


def assert_all_gone(pids: list[int]) -> None:
    assert pids
    eventually(lambda: not any(map(is_running, pids)))


# --- what it says and answers ------------------------------------------------------------------------------


def test_it_says_where_to_look(site: RunningSite) -> None:
    for address in ("/", "/api/", "/api/docs", "/admin/"):
        assert re.search(rf"{re.escape(site.url + address)}\s", site.output), site.output
    assert "[WARNING]" not in site.output


def test_the_printed_curl_line_works_as_it_is(site: RunningSite) -> None:
    (line,) = (line for line in site.output.splitlines() if line.strip().startswith("curl"))
    command = [*shlex.split(line), "--silent", "--noproxy", "*"]
    assert json.loads(subprocess.run(command, capture_output=True, check=True, timeout=TIMEOUT).stdout)["data"]


@pytest.mark.parametrize("route", GET_ROUTES)
def test_every_route_answers_with_and_without_its_slash(site: RunningSite, route: str) -> None:
    for address in (without_slash(route), with_slash(route)):
        answer = get(site, address, allow_redirects=False)
        assert answer.status_code == 200, answer.text


def test_anonymous_callers_are_turned_away(site: RunningSite) -> None:
    answer = requests.get(f"{site.url}/api/broker/holdings", timeout=TIMEOUT)
    assert answer.status_code == 401
    assert set(answer.json()["error"]) == {"code", "message", "detail"}


def test_the_printed_login_opens_the_admin(site: RunningSite) -> None:
    user, password = site.login
    with requests.Session() as browser:
        browser.get(f"{site.url}/admin/login/", timeout=TIMEOUT).raise_for_status()
        form = {"username": user, "password": password, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        answer = browser.post(f"{site.url}/admin/login/?next=/admin/", data=form, timeout=TIMEOUT)
    assert answer.url == f"{site.url}/admin/"
    assert "Log out" in answer.text


def test_what_others_must_not_read_is_for_the_owner_alone(site: RunningSite) -> None:
    for name in ("login.json", "secret_key"):
        assert stat.S_IMODE((site.project / "var" / name).stat().st_mode) == 0o600


def test_redis_listens_on_a_private_socket_and_on_no_port(site: RunningSite) -> None:
    path = socket_of(site)
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    with redis.Redis(unix_socket_path=str(path)) as connection:
        assert connection.config_get("port") == {"port": "0"}
    assert not listening_ports(site.child("redis-server"))
    assert listening_ports(site.child("runsimulator"))  # the test sees ports where there are some


def socket_of(site: RunningSite) -> Path:
    """Not always under var/: a socket's path has a limit."""
    title = " ".join(command_of(site.child("redis-server")))
    found = re.search(r"unixsocket:(\S.*redis\.sock)", title)
    assert found, title
    return Path(found[1])


def listening_ports(pid: int) -> set[int]:
    """The TCP ports on which a process listens."""
    inodes = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    tables = [Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()[1:] for kind in ("tcp", "tcp6")]
    rows = [line.split() for table in tables for line in table]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes}


def test_a_talkative_broker_is_read_or_silent(site: RunningSite) -> None:
    """A pipe that nobody empties stops its writer after 64 kB."""
    for _ in range(25):
        requests.get(f"{site.broker_url}/{'x' * 6000}", timeout=5)


def test_commands_beside_it_find_its_redis_and_its_broker(site: RunningSite) -> None:
    command = [sys.executable, str(site.project / "manage.py"), "warmcache", "--family", "profile"]
    done = subprocess.run(command, capture_output=True, text=True, env={"PATH": os.environ["PATH"]}, timeout=TIMEOUT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert get(site, "/api/broker/profile").headers["X-Cache"] == "hit"


# --- real data ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_site(tmp_path_factory: pytest.TempPathFactory, real_data: dict[str, str]) -> Iterator[RunningSite]:
    with RunningSite(copy_to(tmp_path_factory.mktemp("run") / "site"), real_data) as running:
        yield running


@pytest.mark.parametrize("symbol", ["RELIANCE", "M&M"])
def test_candles_are_those_of_the_files(real_site: RunningSite, real_data: dict[str, str], symbol: str) -> None:
    asked = {"symbol": symbol, "interval": "1d", "from": "2021-01-01", "to": "2021-12-31"}
    got = get(real_site, "/api/broker/candles", params=asked).json()["data"]
    with (Path(real_data["SIMULATOR_DATA"]) / f"{symbol}.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["date"] >= "2021-01-01"]
    assert len(rows) == 248
    assert [shown(candle) for candle in got] == [numbers(row) for row in rows]


def shown(candle: dict[str, Any]) -> tuple[Any, ...]:
    return candle["time"][:10], *(Decimal(str(candle[name])) for name in ("open", "high", "low", "close", "volume"))


def numbers(row: dict[str, str]) -> tuple[Any, ...]:
    columns = ("open", "high", "low", "close", "volume")
    return row["date"], *(Decimal(row[name].replace(",", "")) for name in columns)


def test_contracts_are_those_of_the_file(real_site: RunningSite, real_data: dict[str, str]) -> None:
    with Path(real_data["SIMULATOR_CONTRACTS"]).open() as file:
        rows = json.load(file)
    answer = get(real_site, "/api/broker/contracts/NSEEQ").json()
    assert answer["count"] == len(rows)
    found = get(real_site, "/api/broker/contracts/NSEEQ", params={"search": "M&M-EQ"}).json()["results"]
    assert [(row["trading_symbol"], row["instrument_id"]) for row in found] == [("M&M-EQ", "2031")]


# --- starting and stopping ---------------------------------------------------------------------------------


def test_a_second_start_keeps_the_data_and_the_login(make_site: MakeSite) -> None:
    first = make_site()
    new = {"symbol": "SBIN", "category": "hold", "notes": "made in the first run"}
    headers = {"Authorization": f"Token {first.token}"}
    made = requests.post(f"{first.url}/api/watchlist", json=new, headers=headers, timeout=TIMEOUT)
    assert made.status_code == 201, made.text
    first.send(signal.SIGINT)
    assert first.exit_code() == 0
    started = time.monotonic()
    second = make_site(first.project)
    assert time.monotonic() - started < 20  # about 3 on a machine that does nothing else
    assert (second.login, second.token) == (first.login, first.token)
    assert made.json() in get(second, "/api/watchlist?category=hold").json()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_ends_everything_that_was_started(make_site: MakeSite, number: signal.Signals) -> None:
    site = make_site()
    started = children_of(site.pid)
    assert len(started) >= 4  # Redis, the simulator, the web server, its worker
    redis_socket = socket_of(site)
    site.send(number)
    assert site.exit_code() == 0
    assert not any(map(is_running, started))  # at once: it waited for them
    assert site.output.rstrip().endswith("Stopped.")
    assert "Traceback" not in site.output
    assert not redis_socket.exists()


def test_a_kill_leaves_nothing_behind(make_site: MakeSite) -> None:
    site = make_site()
    started = children_of(site.pid)
    site.send(signal.SIGKILL)
    site.exit_code()
    assert_all_gone(started)


@pytest.mark.parametrize(("program", "name"), [("runsimulator", "The simulator"), ("granian", "The web server")])
def test_when_a_part_dies_everything_stops_and_it_is_named(make_site: MakeSite, program: str, name: str) -> None:
    site = make_site()
    started = children_of(site.pid)
    os.kill(site.child(program), signal.SIGKILL)
    assert site.exit_code() == 1
    assert_all_gone(started)
    assert site.output.splitlines()[-1] == f"CommandError: {name} has ended by itself; everything is stopped."


def test_after_its_start_the_cache_is_filled_before_anybody_asks(make_site: MakeSite) -> None:
    site = make_site(WARM_CACHE="true")

    def is_warm() -> bool:
        families = get(site, "/api/system/cache/stats").json()["families"]
        return bool(families["candles"]["loads"] and families["portfolio_summary"]["loads"])

    eventually(is_warm, 60)
    for route in ("/api/broker/holdings", "/api/watchlist", "/api/portfolio/summary"):
        assert get(site, route).headers["X-Cache"] == "hit"
    eventually(lambda: not any("warmcache" in command_of(pid) for pid in children_of(site.pid)), 60)
    assert "Ctrl-C stops the site" in site.output.splitlines()[-1]


def test_when_redis_dies_the_site_goes_on_and_says_so(make_site: MakeSite) -> None:
    site = make_site()
    assert get(site, "/api/broker/holdings").headers["X-Cache"] == "miss"
    os.kill(site.child("redis-server"), signal.SIGKILL)
    answer = get(site, "/api/broker/holdings")
    assert (answer.status_code, answer.headers["X-Cache"]) == (200, "bypass")
    site.wait_until(lambda: "Redis has ended by itself; the site goes on without a cache." in site.output, 10)
    site.send(signal.SIGINT)
    assert site.exit_code() == 0


def test_a_taken_port_is_one_sentence_and_starts_nothing(tmp_path: Path) -> None:
    project = copy_to(tmp_path / "site")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        with RunningSite(project, {"PORT": port}, wait=False) as site:
            assert site.exit_code() == 1
    (line,) = site.output.splitlines()
    assert port in line
    assert "PORT=8001 make run" in line
    assert not (project / "var" / "redis").exists()
    assert not (project / "var" / "site.sqlite3").exists()


def test_a_second_site_in_the_same_folder_is_refused_and_the_first_goes_on(make_site: MakeSite) -> None:
    first = make_site()
    with RunningSite(first.project, wait=False) as second:
        second.wait_until(lambda: "stop that one first" in second.output, 20)
        assert second.exit_code() == 1
    assert get(first, "/api/broker/holdings").status_code == 200


def test_a_data_folder_that_is_not_there_is_named_and_nothing_stays(tmp_path: Path) -> None:
    with RunningSite(copy_to(tmp_path / "site"), {"SIMULATOR_DATA": "/no/such/folder"}, wait=False) as site:
        assert site.exit_code() == 1
        assert not children_of(site.pid)
    assert "/no/such/folder" in site.output
    assert "Traceback" not in site.output


def test_a_stop_during_the_start_is_a_stop(tmp_path: Path) -> None:
    with RunningSite(copy_to(tmp_path / "site"), wait=False) as site:
        site.wait_until(lambda: any("runsimulator" in command_of(pid) for pid in children_of(site.pid)))
        started = children_of(site.pid)
        site.send(signal.SIGINT)
        assert site.exit_code() == 0
        assert_all_gone(started)
    assert "Traceback" not in site.output
