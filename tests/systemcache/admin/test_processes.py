"""The page of all processes: each is there with what it says of itself, also those that have lost Redis."""

import csv
import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from systemcache import clock, process_state
from systemcache.invalidation import recovery
from systemcache.models import ProcessReport
from systemcache.operations import processes
from systemcache.storage.breaker import breaker
from tests.support.clock import Clock
from tests.systemcache.admin.reading import HOME, text

pytestmark = pytest.mark.django_db

PAGE = f"{HOME}processes/"
FACTS = {
    "breaker": "open",
    "cause": "READONLY You can't write against a read only replica.",
    "redis": "abcdef12",
    "refused": "",
    "near": "off, because Redis refuses tracking: ERR no",
    "near_copies": 0,
    "near_bytes": 0,
    "lag": None,
    "limits": "this process's share of each",
}


@pytest.fixture(autouse=True)
def no_reports(db: None) -> None:
    """The recovery thread of an earlier test may have left one."""
    ProcessReport.objects.all().delete()


def other_process(**changes: object) -> ProcessReport:
    """A report of a process on another machine."""
    now = datetime.now(UTC)
    fields = {
        "name": "other",
        "host": "host-two",
        "pid": 77,
        "kind": "web",
        "version": "9.9.9",
        "started_at": now,
        "reported_at": now,
        "facts": FACTS,
    }
    return ProcessReport.objects.create(**{**fields, **changes})


@pytest.mark.usefixtures("sample_redis")
def test_each_process_of_each_host_is_shown_with_the_words_of_its_trouble(viewer: Client) -> None:
    recovery.run_once()
    processes.reporter.report_if_due()
    other_process()
    shown = text(viewer.get(PAGE))
    assert "host-two" in shown
    assert "open: READONLY You" in shown
    assert "off, because Redis refuses tracking: ERR no" in shown
    assert "closed" in shown
    assert "run side by side" in shown


def test_without_redis_the_page_says_what_each_process_says(viewer: Client) -> None:
    breaker.failed("ConnectionError")
    processes.reporter.report_if_due()
    shown = text(viewer.get(PAGE))
    assert "open: ConnectionError" in shown
    assert "this process&#x27;s share of each" in shown


@pytest.mark.usefixtures("sample_redis")
def test_a_process_reports_at_intervals_and_at_once_when_its_breaker_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = Clock(1_000.0)
    monkeypatch.setattr(clock, "monotonic", seconds)

    def report_after(pause: float) -> bool:
        seconds.now += pause
        ProcessReport.objects.update(facts={})
        processes.reporter.report_if_due()
        return bool(ProcessReport.objects.get().facts)

    processes.reporter.report_if_due()
    reported = [report_after(pause) for pause in (processes.INTERVAL - 0.1, 0.1, 0.1)]
    assert reported == [False, True, False]
    breaker.failed("the test says so")
    assert report_after(0)
    assert ProcessReport.objects.get().facts["cause"] == "the test says so"


def test_a_forked_child_is_another_process() -> None:
    processes.reporter.report_if_due()
    process_state.reset()
    processes.reporter.report_if_due()
    assert ProcessReport.objects.count() == 2


def test_a_process_that_stops_reporting_is_said_to_be_silent_and_forgotten_after_an_hour(viewer: Client) -> None:
    now = datetime.now(UTC)
    other_process(reported_at=now - timedelta(minutes=1))
    other_process(name="old", host="host-three", reported_at=now - timedelta(hours=2))
    processes.reporter.report_if_due()
    shown = text(viewer.get(PAGE))
    assert "silent since" in shown
    assert "host-three" not in shown


@pytest.mark.parametrize("facts", [{"breaker": "closed"}, {**FACTS, "near_copies": "many"}])
def test_a_report_of_another_version_with_other_facts_is_shown(viewer: Client, facts: dict[str, object]) -> None:
    other_process(facts=facts)
    assert "unknown" in text(viewer.get(PAGE))


def test_the_table_is_to_be_had_as_csv_and_json(viewer: Client) -> None:
    other_process()
    (row,) = json.loads(viewer.get(f"{PAGE}?format=json").content)
    assert (row["host"], row["breaker"], row["lag"]) == ("host-two", "open", None)
    answer = viewer.get(f"{PAGE}?format=csv")
    assert answer["Content-Disposition"] == 'attachment; filename="processes.csv"'
    (line,) = csv.DictReader(StringIO(answer.content.decode()))
    assert line["cause"].startswith("READONLY")


@pytest.mark.usefixtures("sample_redis")
def test_so_are_the_families(viewer: Client) -> None:
    rows = json.loads(viewer.get(f"{HOME}?format=json").content)
    assert {"family", "hits", "misses"} <= set(rows[0])
    lines = list(csv.DictReader(StringIO(viewer.get(f"{HOME}?format=csv").content.decode())))
    assert [line["family"] for line in lines] == [row["family"] for row in rows]


def test_a_spreadsheet_computes_nothing_of_it(viewer: Client) -> None:
    other_process(host="=cmd()")
    assert "'=cmd()" in viewer.get(f"{PAGE}?format=csv").content.decode()


def test_near_copies_that_are_switched_off_are_said_to_be(settings: Settings) -> None:
    settings.CACHE_NEAR = False
    assert processes.facts().near == "off (CACHE_NEAR=false)"
