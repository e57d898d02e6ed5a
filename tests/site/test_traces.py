"""Traces: a span for each request and its parts, none of a caller's secrets, and nobody who waits for a collector."""

import json
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings
from requests.adapters import HTTPAdapter
from rest_framework.test import APIClient

from broker.simulator import Simulator
from systemcache import masking, timing
from tests.support.people import client_of
from tests.support.programs import leave_out
from tests.support.waiting import eventually
from testservers.ports import free_port
from testservers.project import ROOT
from testservers.redis_server import RedisServer
from testservers.web_server import WebServer, prepare
from tradingsite import logs
from tradingsite.packages import is_installed

if TYPE_CHECKING:
    from testservers.otlp_collector import Collector, ReceivedSpan

HOLDINGS = "/api/broker/holdings"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def collector(settings: Settings) -> Iterator["Collector"]:
    """Takes the traces of this process, which are sent when `traces_of` asks for them."""
    if not is_installed("opentelemetry.exporter.otlp.proto.http"):
        leave_out("the packages of requirements-otel.txt are not installed")
    from testservers.otlp_collector import Collector
    from tradingsite import tracing

    with Collector() as running:
        settings.OTEL_EXPORTER_OTLP_ENDPOINT = running.url
        yield running
        running.holds.clear()
        tracing.stop()


def traces_of(collector: "Collector") -> list["ReceivedSpan"]:
    """All spans of this process so far, in the order of their ends."""
    from tradingsite import tracing

    tracing.stop()
    return sorted(collector.spans, key=lambda span: span.ended)


def requests_of(spans: list["ReceivedSpan"]) -> list["ReceivedSpan"]:
    return [span for span in spans if "http.request.method" in span.attributes]


@pytest.fixture
def program(redis_store: RedisServer, simulator: Simulator, make_user: Callable[..., User]) -> Callable[[], APIClient]:
    """Makes programs that may see the account; one that is made while there is a collector is traced."""
    user = make_user("program", "broker.view_account")
    return lambda: client_of(user)


# --- what is in a trace ------------------------------------------------------------------------------------


def test_a_request_has_a_span_for_each_part_of_its_server_timing(
    collector: "Collector", program: Callable[[], APIClient]
) -> None:
    header = program().get(HOLDINGS)["Server-Timing"]
    *parts, request = traces_of(collector)
    assert request.name == f"GET {HOLDINGS}/"
    assert request.attributes == {
        "http.request.method": "GET",
        "http.route": f"{HOLDINGS}/",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "cache.status": "miss",
    }
    assert request.resource["service.name"] == "tradingsite"
    assert request.resource["process.pid"] == os.getpid()
    assert {(part.trace_id, part.parent_id) for part in parts} == {(request.trace_id, request.span_id)}
    assert all(request.started <= part.started <= part.ended <= request.ended for part in parts)
    assert {"cache", "database", "broker"} <= {part.name for part in parts} <= set(timing.names())
    assert {"label": "holdings"} in [part.attributes for part in parts if part.name == "broker"]
    for name, milliseconds in re.findall(r"(\w+);dur=([\d.]+)", header):
        if name in timing.names():
            spent = sum(part.ended - part.started for part in parts if part.name == name) / 1e6
            assert spent == pytest.approx(float(milliseconds), abs=0.02)


def test_a_hit_that_needs_no_view_is_named_by_its_route_too(
    collector: "Collector", program: Callable[[], APIClient]
) -> None:
    api = program()
    eventually(lambda: api.get(HOLDINGS)["X-Cache"] == "hit")
    hit = requests_of(traces_of(collector))[-1]
    assert (hit.name, hit.attributes["cache.status"]) == (f"GET {HOLDINGS}/", "hit")


def test_routes_stand_for_what_callers_write_into_a_path(
    collector: "Collector", program: Callable[[], APIClient]
) -> None:
    api = program()
    for path in ("/api/broker/orders/77", "/api/settings/max_positions", "/api/n0-such-route/s3cret", "/" + "x" * 600):
        api.get(path)
    api.generic("BREW", HOLDINGS)
    assert [span.name for span in requests_of(traces_of(collector))] == [
        "GET /api/broker/orders/<str:order_id>/",
        "GET /api/settings/<slug:key>/",
        "GET",
        "GET",
        f"_OTHER {HOLDINGS}/",
    ]


def test_an_error_of_the_site_is_one_in_the_trace_and_a_callers_mistake_is_none(
    collector: "Collector", monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    client = Client(raise_request_exception=False)
    assert client.get(HOLDINGS).status_code == 401
    monkeypatch.setattr("django.core.handlers.base.BaseHandler.resolve_request", fail)
    assert client.get(HOLDINGS).status_code == 500
    assert [(span.attributes["http.response.status_code"], span.failed) for span in traces_of(collector)] == [
        (401, False),
        (500, True),
    ]


@pytest.mark.django_db
def test_of_thousands_of_parts_the_first_200_are_sent(collector: "Collector", monkeypatch: pytest.MonkeyPatch) -> None:
    def query_often(*_: object) -> None:
        for _number in range(1_000):
            with timing.span("database"):
                pass
        raise ZeroDivisionError

    monkeypatch.setattr("django.core.handlers.base.BaseHandler.resolve_request", query_often)
    Client(raise_request_exception=False).get(HOLDINGS)
    assert len(traces_of(collector)) == 201


# --- the caller's trace, and nobody else's -----------------------------------------------------------------


def test_a_trace_goes_on_from_the_callers(collector: "Collector") -> None:
    Client().get(HOLDINGS, headers={"traceparent": PARENT, "tracestate": "vendor=s3cret"})
    (request,) = traces_of(collector)
    assert (request.trace_id, request.parent_id) == ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
    assert b"s3cret" not in b"".join(collector.bodies)


def test_what_the_caller_does_not_sample_is_not_sent(collector: "Collector") -> None:
    Client().get(HOLDINGS, headers={"traceparent": PARENT[:-1] + "0"})
    assert traces_of(collector) == []


@pytest.mark.parametrize("header", ["", "nonsense", PARENT[:-1], f"ff{PARENT[2:]}", PARENT + "-" + "x" * 9_000])
def test_a_traceparent_that_is_none_begins_a_new_trace(
    collector: "Collector", header: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert Client().get(HOLDINGS, headers={"traceparent": header}).status_code == 401
    (request,) = traces_of(collector)
    assert request.parent_id == ""
    assert request.trace_id not in header
    assert [record for record in caplog.records if record.name.startswith("opentelemetry")] == []


def test_the_broker_is_told_of_no_trace(
    collector: "Collector",
    program: Callable[[], APIClient],
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[requests.PreparedRequest] = []
    send = HTTPAdapter.send

    def note(adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        if request.url and request.url.startswith(simulator.base_url):
            sent.append(request)
        return send(adapter, request, **options)

    monkeypatch.setattr(HTTPAdapter, "send", note)
    answer = program().get(HOLDINGS, headers={"traceparent": PARENT, "tracestate": "a=b", "baggage": "c=d"})
    assert answer["X-Cache"] == "miss"
    assert sent
    assert {"traceparent", "tracestate", "baggage"}.isdisjoint(
        name.lower() for request in sent for name in request.headers
    )
    assert "traceparent" not in answer


def test_no_secret_and_nothing_else_that_a_caller_sends_is_in_a_trace(
    collector: "Collector", program: Callable[[], APIClient]
) -> None:
    secret = "s3cret-of-the-caller"
    names = ("Authorization", "Cookie", "X-Request-ID", "User-Agent", "Referer", "If-None-Match", "tracestate")
    headers = dict.fromkeys((*names, "baggage", "X-Forwarded-For", "Idempotency-Key"), secret)
    client = Client(headers=headers, raise_request_exception=False)
    api = program()
    for path in ("/login", f"/{secret}", "/broker/callback/", HOLDINGS, "/static/x.css"):
        client.get(f"{path}?authcode={secret}")
        client.post(f"{path}?token={secret}", {"password": secret})
        client.generic(secret.upper(), path)
    for _ in range(3):
        api.get(f"/api/broker/quotes?symbols={secret.upper()}")
        assert api.get(HOLDINGS, headers={"X-Request-ID": secret}).status_code == 200
    assert len(requests_of(traces_of(collector))) == 21
    sent = b"".join(collector.bodies).lower()
    assert secret.encode() not in sent
    assert b"program" not in sent  # the user's name


# --- the collector -----------------------------------------------------------------------------------------


def test_a_collector_that_does_not_answer_keeps_neither_a_request_nor_the_end_waiting(
    collector: "Collector", monkeypatch: pytest.MonkeyPatch
) -> None:
    from tradingsite import tracing

    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "32")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "8")  # each would wait for ten seconds
    collector.holds.set()
    client = Client()
    started = time.perf_counter()
    for _ in range(100):
        assert client.get(HOLDINGS).status_code == 401
    assert collector.asked.wait(30)
    assert time.perf_counter() - started < 20
    started = time.perf_counter()
    tracing.stop()
    assert time.perf_counter() - started < tracing.STOP_TIMEOUT + 5
    assert collector.bodies == []


@pytest.mark.parametrize("away", ["refused", "503"])
def test_a_collector_that_is_away_changes_no_answer_and_is_reported_once(
    collector: "Collector",
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    away: str,
) -> None:
    from tradingsite import tracing

    if away == "refused":
        settings.OTEL_EXPORTER_OTLP_ENDPOINT = f"http://127.0.0.1:{free_port()}"
    collector.status = 503
    # The filter that the settings put there may have let a line through a moment ago.
    exporter = logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    monkeypatch.setattr(exporter, "filters", [logs.ExportFailures()])
    assert Client().get(HOLDINGS).status_code == 401
    tracing.stop()
    eventually(lambda: bool(caplog.records))
    told = [record.getMessage() for record in caplog.records if "traces are not exported" in record.getMessage()]
    assert len(told) == 1


def test_what_cannot_be_exported_is_reported_once_a_minute() -> None:
    failures = logs.ExportFailures()

    def passed(at: float) -> str | None:
        record = logging.makeLogRecord({"msg": "error %s", "args": ("111",), "created": at})
        return record.getMessage() if failures.filter(record) else None

    told = "traces are not exported; the oldest are dropped: error 111"
    assert [passed(at) for at in (1_000.0, 1_001.0, 1_059.9, 1_060.0, 1_061.0)] == [told, None, None, told, None]


@pytest.mark.usefixtures("collector")
def test_the_loggers_that_would_report_each_try_are_opentelemetrys_own(settings: Settings) -> None:
    loggers = settings.LOGGING["loggers"].items()
    filtered = [name for name, logger in loggers if "export_failures" in logger.get("filters", ())]
    assert len(filtered) == 2
    assert set(filtered) <= set(sys.modules)


def test_a_fault_in_tracing_fails_no_request(collector: "Collector", monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("opentelemetry.sdk.trace.Tracer.start_span", fail)
    assert Client().get(HOLDINGS).status_code == 401


# --- the log, and secrets of the collector's ---------------------------------------------------------------


def test_the_log_names_the_trace_of_a_request(collector: "Collector", caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tradingsite.access")
    Client().get(HOLDINGS)
    (line,) = [record for record in caplog.records if record.name == "tradingsite.access"]
    (request,) = traces_of(collector)
    assert json.loads(logs.JSONFormatter().format(line))["trace_id"] == request.trace_id


def test_headers_for_the_collector_are_masked(settings: Settings) -> None:
    settings.OTEL_EXPORTER_OTLP_HEADERS = "authorization=Bearer%20c0llector-t0ken, x-scope=t3nant-of-mine"
    text = masking.mask_secrets("sent c0llector-t0ken for t3nant-of-mine")
    assert text == f"sent {masking.MASK} for {masking.MASK}"


# --- off, absent, after a fork -----------------------------------------------------------------------------

OFF = """
import sys
from tradingsite.wsgi import application
from django.test import Client
Client().get("/api/broker/holdings")
# (redis-py imports what it finds of the metrics.)
names = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "tradingsite.tracing")
print([name for name in sys.modules if name.startswith(names)])
"""


def run(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_without_a_collector_nothing_of_it_is_imported(tmp_path: Path) -> None:
    assert run(OFF, DATABASE_URL=f"sqlite:///{tmp_path}/site.sqlite3").splitlines()[-1] == "[]"


FORKS = """
import os
import django; django.setup()
from django.test import Client
client = Client()
client.get("/static/parent.css")
child = os.fork()
client.get("/static/x.css")
from tradingsite import tracing
tracing.stop()
if not child:
    os._exit(0)
os.waitpid(child, 0)
print(os.getpid(), child)
"""


@pytest.mark.slow
def test_a_forked_child_exports_its_own_traces_and_not_its_parents(collector: "Collector", tmp_path: Path) -> None:
    told = run(
        FORKS,
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        DATABASE_URL=f"sqlite:///{tmp_path}/site.sqlite3",
        DJANGO_SETTINGS_MODULE="tradingsite.settings",
    )
    parent, child = map(int, told.split()[-2:])
    pids = [int(span.resource["process.pid"]) for span in collector.spans]
    assert sorted(pids) == sorted([parent, parent, child])


@pytest.mark.slow
def test_a_worker_exports_also_what_it_has_when_it_ends(
    collector: "Collector", redis_server: RedisServer, tmp_path: Path
) -> None:
    environment = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3",
        "REDIS_URL": redis_server.url,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "600000",  # milliseconds: nothing is sent before the end
    }
    prepare(environment)
    collector.bodies.clear()
    with WebServer(tmp_path, environment) as server:
        for _ in range(40):
            assert requests.get(server.url + HOLDINGS, timeout=30).status_code == 401
    asked = [span for span in requests_of(collector.spans) if span.attributes.get("http.route") == f"{HOLDINGS}/"]
    assert len(asked) == 40
