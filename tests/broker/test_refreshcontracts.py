"""`manage.py refreshcontracts`: what it prints, how it ends, how much it takes."""

import os
import subprocess
import sys
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from redis import Redis

from broker import gateway, models
from broker.contracts import refresh
from broker.values import CONTRACT_FILES
from tests.broker.contract_files import ROWS, FileServer, Sent, made_up
from testservers.project import ROOT


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh, "COMMAND_RETRY_DELAYS", ())


def run(*files: str, **options: bool) -> tuple[list[str], CommandError | None]:
    """What it printed, and its complaint at the end."""
    out = StringIO()
    try:
        call_command("refreshcontracts", *files, stdout=out, **options)
    except CommandError as error:
        return out.getvalue().splitlines(), error
    return out.getvalue().splitlines(), None


@pytest.mark.django_db
def test_all_nine_files_are_refreshed_a_line_each(files: FileServer, redis: Redis) -> None:
    lines, error = run()
    assert error is None
    assert files.asked == list(CONTRACT_FILES)
    assert [line.split()[:3] for line in lines] == [[file, "10", "rows"] for file in CONTRACT_FILES]


@pytest.mark.django_db
def test_named_files_alone_are_refreshed_each_once(files: FileServer, redis: Redis) -> None:
    run("INDICES", "NSEEQ", "INDICES")
    assert files.asked == ["INDICES", "NSEEQ"]


@pytest.mark.django_db
def test_a_failed_file_is_named_keeps_its_rows_and_leaves_the_others_their_turn(
    files: FileServer, redis: Redis
) -> None:
    run("NSEEQ")
    files.answers["NSEEQ"] = [Sent(503, b"")]
    files.answers["BSEFO"] = [Sent(200, b"<html>")]
    lines, error = run()
    assert "2 of 9 files could not be refreshed: NSEEQ, BSEFO" in str(error)
    said = {line.split()[0]: line for line in lines}
    assert "kept the 10 rows of" in said["NSEEQ"]
    assert "503" in said["NSEEQ"]
    assert "has no rows" in said["BSEFO"]
    assert models.ContractFile.objects.filter(rows=10).count() == 8
    assert gateway.resolve("S1").instrument_id == "1"


@pytest.mark.django_db
def test_malformed_rows_are_counted_aloud(files: FileServer, redis: Redis) -> None:
    files.answers["NSEEQ"] = [Sent(200, made_up("NSEEQ", 100) + b"NSEEQ,BBB,22,EQUITY\r\n")]
    lines, error = run("NSEEQ")
    assert error is None
    assert lines[1] == "NSEEQ           1 malformed rows left out: line 102 has 4 cells where the header has 11"


@pytest.mark.django_db
def test_a_short_file_is_taken_over_when_told_so(files: FileServer, redis: Redis) -> None:
    run("NSEEQ")
    files.answers["NSEEQ"] = [Sent(200, made_up("NSEEQ", 3))]
    assert run("NSEEQ")[1] is not None
    assert run("NSEEQ", accept_short=True)[1] is None
    assert gateway.contracts("NSEEQ").value.rows == 3


@pytest.mark.django_db
def test_a_file_that_the_broker_does_not_have_is_refused_before_anything_is_asked(files: FileServer) -> None:
    _, error = run("NSEEQ", "NSE")
    assert "NSE: not one of NSEEQ, BSEEQ" in str(error)
    assert files.asked == []


@pytest.mark.django_db
def test_what_is_cached_of_the_files_is_dropped_for_every_process(files: FileServer, redis: Redis) -> None:
    first = gateway.contracts("NSEEQ").value
    assert gateway.contracts("NSEEQ").state == "hit"
    run("NSEEQ")
    again = gateway.contracts("NSEEQ")
    assert again.state == "miss"
    assert again.value.refreshed_at > first.refreshed_at


@pytest.mark.django_db
def test_without_redis_the_table_is_refreshed_all_the_same(files: FileServer) -> None:
    lines, error = run("NSEEQ")
    assert error is None
    assert "The cache could not be invalidated" in lines[-1]
    assert gateway.resolve("S1").instrument_id == "1"


REPORT = """
import re, sys, time
from pathlib import Path
import django
def kilobytes(name):  # of this program alone: what getrusage tells is the forked parent's, too
    return int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
django.setup()
from django.core.management import call_command
from django.db import connection
connection.ensure_connection()
base = kilobytes("VmRSS")
started = time.perf_counter()
call_command("refreshcontracts")
peak = kilobytes("VmHWM")
print("RESULT", (peak - base) // 1024, round(time.perf_counter() - started, 1), file=sys.stderr)
"""


@pytest.mark.slow
@pytest.mark.timeout(500)
@pytest.mark.django_db(transaction=True)
def test_two_hundred_thousand_rows_are_refreshed_twice_in_little_memory(files: FileServer, redis: Redis) -> None:
    """As many as the broker's files really have; the second time with the old rows to clear away."""
    files.answers = {file: [Sent(200, made_up(file, count))] for file, count in ROWS.items()}
    for _ in range(2):
        megabytes, seconds = measured(files)
        print(f"{megabytes} MB above the base, {seconds} s")
        assert megabytes < 100
        assert models.Contract.objects.count() == sum(ROWS.values()) == 207_942
        assert {state.file: state.rows for state in models.ContractFile.objects.all()} == ROWS


def measured(files: FileServer) -> tuple[int, float]:
    database = connection.settings_dict
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tradingsite.settings",
        "DATABASE_URL": (
            f"sqlite:///{database['NAME']}"
            if connection.vendor == "sqlite"
            else os.environ["DATABASE_URL"].rsplit("/", 1)[0] + f"/{database['NAME']}"
        ),
        "IIFL_BASE_URL": files.base_url,
    }
    command = [sys.executable, "-c", REPORT]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    _, megabytes, seconds = done.stderr.splitlines()[-1].split()
    return int(megabytes), float(seconds)
