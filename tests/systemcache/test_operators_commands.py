"""clearcache that asks, cachestats that watches, warmcache that is one of many."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from redis import Redis

from systemcache.errors import StoreUnavailable
from systemcache.fetching.fetch import fetch
from systemcache.management.commands import cachestats, warmcache
from systemcache.management.progress import ProgressBar
from systemcache.operations import warming
from systemcache.operations.warming import Step
from systemcache.stats import counters
from systemcache.storage.leader_lock import LeaderLock
from tests.support.commands import output_of
from tests.support.waiting import eventually
from tests.systemcache.samples import LIST
from testservers.project import ROOT
from testservers.redis_server import RedisServer
from testservers.web_server import manage


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


# --- clearcache ----------------------------------------------------------------------------------------------


@pytest.fixture
def one_value(redis_store: RedisServer, db: None) -> None:
    fetch(LIST, {}, list)


@pytest.mark.usefixtures("one_value")
@pytest.mark.parametrize("answer", ["n\n", "\n", "", "yes, please\n"])
def test_on_a_terminal_it_counts_and_asks_and_takes_only_yes_for_yes(
    monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    out = io.StringIO()
    with pytest.raises(CommandError, match="Nothing was cleared"):
        call_command("clearcache", "sample:*", stdout=out)
    assert out.getvalue() == "Clear 1 keys of sample:*? [y/N] "
    assert fetch(LIST, {}, list).state == "hit"


@pytest.mark.usefixtures("one_value")
@pytest.mark.parametrize(("arguments", "answer"), [((), "y\n"), ((), "YES\n"), (("--yes",), "")])
def test_on_a_terminal_yes_drops(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], answer: str) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    assert output_of("clearcache", "sample:*", *arguments).endswith("1 keys cleared\n")


@pytest.mark.usefixtures("one_value")
def test_without_a_terminal_it_goes_on_as_scripts_expect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert output_of("clearcache", "sample:*") == "1 keys cleared\n"


def test_a_bar_shows_how_far_a_long_clear_is_on_a_terminal_alone() -> None:
    now = [0.0]
    for stream, expected in (
        (Terminal(), "\r[###############...............] 50 of 100 keys\r\x1b[K"),
        (io.StringIO(), ""),
    ):
        bar = ProgressBar(stream, 100, clock=lambda: now[0])
        bar(10)  # too soon
        now[0] += 1
        bar(50)
        bar(51)  # too soon after the last
        bar.close()
        assert stream.getvalue() == expected


def test_a_bar_without_a_total_counts() -> None:
    now, stream = [0.0], Terminal()
    bar = ProgressBar(stream, None, clock=lambda: now[0])
    now[0] += 1
    bar(7)
    assert stream.getvalue() == "\r7 keys"


# --- cachestats ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("one_value")
def test_the_tables_columns_are_aligned() -> None:
    counters.count("sample_list", "hits", 1_234_567)
    lines = output_of("cachestats").splitlines()
    table = lines[: lines.index("")]
    assert len({len(line) for line in table}) == 1
    heading, row = table[0], next(line for line in table if line.startswith("sample_list"))
    assert row[: heading.index("hits") + 4].endswith("1234567")


@pytest.mark.usefixtures("one_value")
@pytest.mark.parametrize("as_json", [False, True])
def test_it_watches_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch, as_json: bool) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(cachestats.Command, "sleep", staticmethod(sleep))
    out = output_of("cachestats", "--watch", "5", *(["--json"] if as_json else []))
    assert slept == [5, 5, 5]
    if as_json:
        assert [json.loads(line)["misses"] for line in out.splitlines()] == [1, 1, 1]
    else:
        assert out.count("Hit rate") == 3
        assert "\x1b" not in out


@pytest.mark.parametrize("arguments", [("--watch", "0"), ("--watch", "1", "--fail-under", "5")])
def test_a_watch_that_makes_no_sense_is_refused(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="--watch"):
        call_command("cachestats", *arguments)


# --- warmcache -----------------------------------------------------------------------------------------------


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, redis_store: RedisServer, db: None) -> None:
    monkeypatch.setattr(warming, "wait_limiters", [])
    monkeypatch.setattr(
        warming, "warmers", {lambda: [Step("sample_list", "the list", lambda: fetch(LIST, {}, list))]: ""}
    )


@pytest.mark.usefixtures("steps")
def test_it_says_what_it_has_done() -> None:
    assert re.fullmatch(r"1 loaded, in \d+\.\d s\n", output_of("warmcache"))
    assert output_of("warmcache").startswith("1 already fresh, in ")


def test_its_help_lists_what_the_apps_warm() -> None:
    text = " ".join(warmcache.Command().create_parser("manage.py", "warmcache").format_help().split())
    assert all(description in text for description in warming.descriptions())
    assert "quotes and daily candles of the watched symbols" in text


@pytest.mark.usefixtures("steps")
def test_what_fails_is_named_and_the_exit_status_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Any:
        raise StoreUnavailable("no")

    monkeypatch.setattr(warming, "warmers", {lambda: [Step("sample_list", "the list", fail)]: ""})
    errors = io.StringIO()
    with pytest.raises(CommandError, match="1 could not be loaded"):
        call_command("warmcache", stdout=io.StringIO(), stderr=errors)
    assert errors.getvalue() == "the list: Redis cannot be used (no).\n"


@pytest.mark.usefixtures("steps")
def test_while_another_leads_it_leaves_the_work_to_that_one() -> None:
    other = LeaderLock("warming", 60)
    assert other.acquire()
    assert output_of("warmcache") == "Another process is already warming the cache.\n"
    assert other.acquire()


@pytest.mark.usefixtures("steps")
def test_a_run_whose_lead_another_takes_ends_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def lose() -> Any:
        Redis.from_url(str(django_settings.CACHES["default"]["LOCATION"])).set(
            "lead:iifl:SIM0001:warming", "another", px=60_000
        )
        return []

    monkeypatch.setattr(
        warming, "warmers", {lambda: [Step("sample_list", "one", lose), Step("sample_list", "two", lose)]: ""}
    )
    with pytest.raises(CommandError, match="not completed"):
        call_command("warmcache", stdout=io.StringIO())


@pytest.mark.usefixtures("steps")
def test_it_runs_repeatedly_at_the_given_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds
        if now[0] > 100:
            raise KeyboardInterrupt

    monkeypatch.setattr(warmcache.Command, "clock", staticmethod(lambda: now[0]))
    monkeypatch.setattr(warmcache.Command, "sleep", staticmethod(sleep))
    out = output_of("warmcache", "--every", "25")
    assert (out.count("1 loaded"), out.count("1 already fresh")) == (1, 4)  # at 0, and at 25, 50, 75, 100
    assert out.endswith("Stopped.\n")
    assert LeaderLock("warming", 1).acquire()  # the lead was given back


def test_without_redis_a_single_run_says_so() -> None:
    with pytest.raises(CommandError, match="Redis"):
        call_command("warmcache")


@pytest.mark.parametrize("seconds", ["0", "-1"])
def test_a_period_that_makes_no_sense_is_refused(seconds: str) -> None:
    with pytest.raises(CommandError, match="--every"):
        call_command("warmcache", f"--every={seconds}")


@pytest.fixture
def two_warmers(redis_store: RedisServer, tmp_path: Path) -> Iterator[list["subprocess.Popen[str]"]]:
    environment = {
        "REDIS_URL": redis_store.url,
        "DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3",
        "IIFL_BASE_URL": "http://127.0.0.1:1/v1",
    }
    manage("migrate", "--verbosity", "0", environment=environment)
    command = [sys.executable, "-u", "manage.py", "warmcache", "--every", "1", "--family", "watchlist"]
    started = [
        subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # tests in the background ignore SIGINT
        )
        for _ in range(2)
    ]
    yield started
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_of_two_processes_one_alone_warms(two_warmers: list["subprocess.Popen[str]"], redis_store: RedisServer) -> None:
    redis = Redis.from_url(redis_store.url)
    eventually(lambda: len(cast("list[bytes]", redis.keys("lead:*"))) == 1, 60)
    time.sleep(5)  # the second, slower to start, has looked as well
    for process in two_warmers:
        process.send_signal(signal.SIGINT)
    runs = [len(re.findall("loaded|fresh", process.communicate(timeout=60)[0])) for process in two_warmers]
    assert min(runs) == 0
    assert max(runs) >= 3
    assert redis.keys("lead:*") == []
