"""`manage.py runsite`: the whole site on one machine, from nothing, and all of it gone afterwards."""

import csv
import json
import os
import re
import shlex
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
import requests

from tests.site.routes import GET_ROUTES, with_slash, without_slash
from tests.support.programs import only_linux
from tests.support.runsite import RunningSite
from tests.support.waiting import eventually
from testservers.ports import free_port
from testservers.processes import children_of, command_of, is_running
from testservers.project import copy_to
from testservers.redis_server import RedisServer

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


def test_all_that_the_site_writes_is_for_its_owner_alone(site: RunningSite) -> None:
    var = site.project / "var"
    assert stat.S_IMODE(var.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in var.rglob("*")}
    assert modes.keys() >= {
        "secret_key",
        "simulator",
        "simulator_stream",
        "site.sqlite3",
        "site.sqlite3-wal",
        "redis.log",
    }
    assert {path: oct(mode) for path, mode in modes.items() if mode & 0o077} == {}


def test_web_stream_and_feed_are_on_the_page_of_processes(site: RunningSite) -> None:
    def kinds() -> set[str]:
        with closing(sqlite3.connect(site.project / "var" / "site.sqlite3", timeout=TIMEOUT)) as database:
            return {kind for (kind,) in database.execute("SELECT kind FROM systemcache_processreport")}

    eventually(lambda: kinds() >= {"web", "stream", "runfeed"})


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
        assert requests.get(f"{site.broker_url}/{'x' * 6000}", timeout=30).status_code == 404


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_contracts_are_those_of_the_file(real_site: RunningSite, real_data: dict[str, str]) -> None:
    with Path(real_data["SIMULATOR_CONTRACTS"]).open() as file:
        rows = json.load(file)
    answer = get(real_site, "/api/broker/contracts/NSEEQ").json()
    assert answer["count"] == len(rows)
    found = get(real_site, "/api/broker/contracts/NSEEQ", params={"search": "M&M-EQ"}).json()["data"]
    assert [(row["trading_symbol"], row["instrument_id"]) for row in found] == [("M&M-EQ", "2031")]


# --- starting and stopping ---------------------------------------------------------------------------------


@pytest.mark.slow
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
    kept = requests.get(f"{second.url}/api/watchlist?category=hold", headers=headers, timeout=TIMEOUT)
    assert made.json() in kept.json()["data"]
    assert "Login" not in second.output
    assert "circuit breaker" not in second.output
    for secret in (first.login[1], first.token):
        assert secret not in second.output
        assert all(
            secret.encode() not in path.read_bytes() for path in first.project.rglob("var/**/*") if path.is_file()
        )


def first_start(tmp_path: Path, **environment: str) -> str:
    """What a first start prints that may fail."""
    with RunningSite(copy_to(tmp_path / "site"), environment, wait=False) as site:
        site.wait_until(lambda: is_up(site) or site.ended, 90)
        return site.output


REAL = {"IIFL_CLIENT_ID": "AB1234", "IIFL_APP_KEY": "key", "IIFL_APP_SECRET": "secret"}


def test_a_real_account_is_not_served_to_others_without_https(tmp_path: Path) -> None:
    (line,) = first_start(tmp_path, **REAL, HOST="0.0.0.0").splitlines()
    assert line.startswith("Configuration: HOST is 0.0.0.0, where passwords and tokens of a real account would cross")
    assert "DJANGO_HTTPS=true" in line


@pytest.mark.parametrize(
    "environment",
    [REAL, pytest.param({"HOST": "0.0.0.0"}, marks=pytest.mark.slow)],
    ids=["real account", "other machines"],
)
def test_no_login_is_made_for_a_real_account_or_where_others_reach_the_site(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    printed = first_start(tmp_path, **environment)
    assert "manage.py createsuperuser" in printed
    assert "Token" not in printed


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
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


@pytest.mark.slow
def test_a_kill_leaves_nothing_behind(make_site: MakeSite) -> None:
    site = make_site()
    started = children_of(site.pid)
    site.send(signal.SIGKILL)
    site.exit_code()
    assert_all_gone(started)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "name"), [("runsimulator", "The simulator"), ("tradingsite.wsgi:application", "The web server")]
)
def test_when_a_part_dies_everything_stops_and_it_is_named(make_site: MakeSite, program: str, name: str) -> None:
    site = make_site()
    started = children_of(site.pid)
    os.kill(site.child(program), signal.SIGKILL)
    assert site.exit_code() == 1
    assert_all_gone(started)
    assert site.output.splitlines()[-1] == f"CommandError: {name} has ended by itself; everything is stopped."


@pytest.mark.slow
def test_the_feed_is_started_again_when_it_dies(make_site: MakeSite) -> None:
    site = make_site()
    feed = site.child("runfeed")
    os.kill(feed, signal.SIGKILL)
    site.wait_until(lambda: "The feed has ended by itself and is started again." in site.output)
    assert site.child("runfeed") != feed


@pytest.mark.slow
def test_after_its_start_the_cache_is_filled_before_anybody_asks(make_site: MakeSite) -> None:
    # The feed invalidates the books once it is connected, before or after they are warmed.
    site = make_site(WARM_CACHE="true", IIFL_STREAM_URL="off")

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


@pytest.mark.slow
def test_a_second_site_in_the_same_folder_is_refused_and_the_first_goes_on(make_site: MakeSite) -> None:
    first = make_site()
    with RunningSite(first.project, wait=False) as second:
        second.wait_until(lambda: "stop that one first" in second.output, 20)
        assert second.exit_code() == 1
    assert get(first, "/api/broker/holdings").status_code == 200


def start_both(project: Path, environment: dict[str, str]) -> list[RunningSite]:
    return [RunningSite(project, {"PORT": str(free_port()), **environment}, wait=False) for _ in range(2)]


def is_up(site: RunningSite) -> bool:
    return "Ctrl-C stops the site" in site.output


@pytest.mark.slow
def test_of_two_first_starts_at_once_one_is_refused_and_the_other_serves(tmp_path: Path) -> None:
    first, second = start_both(copy_to(tmp_path / "site"), {})
    with first, second:
        eventually(lambda: (is_up(first) or is_up(second)) and (first.ended or second.ended), 90)
        up, refused = (first, second) if second.ended else (second, first)
        assert refused.exit_code() == 1
        assert refused.output.splitlines()[-1].endswith("stop that one first.")
        assert get(up, "/api/broker/holdings").status_code == 200
        assert "Traceback" not in first.output + second.output


@pytest.mark.slow
def test_two_first_starts_at_once_with_a_redis_of_their_own_share_one_database_and_login(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    first, second = start_both(copy_to(tmp_path / "site"), {"REDIS_URL": redis_server.url})
    with first, second:
        for site in (first, second):
            site.wait_until(partial(is_up, site), 90)
        (made,) = (site for site in (first, second) if "Login" in site.output)  # by the one that was there first
        headers = {"Authorization": f"Token {made.token}"}
        for site in (first, second):
            answer = requests.get(f"{site.url}/api/broker/holdings", headers=headers, timeout=TIMEOUT)
            assert answer.status_code == 200
        # Commands use the simulator that was started last, and still do when the other site has stopped.
        address = (first.project / "var" / "simulator").read_text()
        earlier = first if address == second.broker_url else second
        earlier.send(signal.SIGINT)
        assert earlier.exit_code() == 0
        assert (first.project / "var" / "simulator").read_text() == address


@pytest.mark.slow
def test_a_host_that_others_reach_says_which_variable_lets_them_in(make_site: MakeSite) -> None:
    site = make_site(HOST="0.0.0.0")
    assert "HOST is 0.0.0.0" in site.output
    assert "\n  DJANGO_ALLOWED_HOSTS=site.example,127.0.0.1,localhost,[::1]\n" in site.output
    refused = requests.get(f"{site.url}/api/", headers={"Host": "site.example"}, timeout=TIMEOUT)
    assert refused.status_code == 400
    assert "DJANGO_ALLOWED_HOSTS" not in refused.text
    assert "refused a request for host 'site.example': DJANGO_ALLOWED_HOSTS does not name it" in site.output
    assert "Traceback" not in site.output


@pytest.mark.slow
def test_a_host_that_others_reach_by_a_name_that_is_allowed_is_not_remarked_upon(make_site: MakeSite) -> None:
    site = make_site(HOST="0.0.0.0", DJANGO_ALLOWED_HOSTS="site.example")
    assert "HOST is" not in site.output
    answer = requests.get(f"{site.url}/api/system/health", headers={"Host": "site.example"}, timeout=TIMEOUT)
    assert answer.status_code == 200


@pytest.mark.slow
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
