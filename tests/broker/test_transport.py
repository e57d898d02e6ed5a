"""One call over HTTP: what a status means, what travels, what never does."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings as django_settings
from requests.adapters import HTTPAdapter

from broker.errors import (
    BrokerAnswerUnclear,
    BrokerBusy,
    BrokerError,
    BrokerLoginRequired,
    BrokerTimeout,
    BrokerUnreachable,
)
from broker.iifl import endpoints
from broker.iifl.rate_limiter import Limiter
from broker.iifl.transport import HTTPTransport, translate_error

FOREIGN = [
    kind
    for _, kind in inspect.getmembers(requests.exceptions, inspect.isclass)
    if issubclass(kind, requests.RequestException)
]


class Wire:
    """The pool's place: answers what it is told, one after the other, and keeps what was sent."""

    def __init__(self, *answers: requests.Response | Exception) -> None:
        self.answers = list(answers)
        self.sent: list[dict[str, Any]] = []

    def request(self, method: str, url: str, **more: Any) -> requests.Response:
        self.sent.append({"method": method, "url": url, **more})
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def response(status: int, body: bytes = b"{}", **headers: str) -> requests.Response:
    made = requests.Response()
    made.status_code = status
    made.raw = BytesIO(body)
    made.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return made


class RecordingLimiter:
    """Records slots, and pauses with their seconds, in order."""

    def __init__(self) -> None:
        self.record: list[tuple[str, float | None]] = []
        self.urgent: list[bool] = []

    @contextmanager
    def slot(self, limit: str, *, urgent: bool = False) -> Iterator[None]:
        self.record.append((limit, None))
        self.urgent.append(urgent)
        yield

    def pause(self, limit: str, seconds: float) -> None:
        self.record.append((limit, seconds))


def transport(monkeypatch: pytest.MonkeyPatch, wire: Wire, limiter: Limiter | None = None) -> HTTPTransport:
    monkeypatch.setattr(requests.Session, "request", wire.request)
    return HTTPTransport("http://broker.test/v1", limiter=limiter)


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: kind.__name__)
def test_every_error_of_requests_becomes_one_of_ours_and_quotes_nothing_of_the_request(
    kind: type[requests.RequestException],
) -> None:
    error = kind.__new__(kind)
    error.args = ("Bearer secret-token",)
    ours = translate_error(error, endpoints.HOLDINGS)
    assert isinstance(ours, BrokerError)
    assert "secret-token" not in str(ours)


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (requests.ConnectTimeout(), BrokerUnreachable),
        (requests.ReadTimeout(), BrokerTimeout),
        (requests.ConnectionError(), BrokerUnreachable),
        (requests.exceptions.ChunkedEncodingError(), BrokerUnreachable),
    ],
)
def test_a_timeout_is_told_apart_from_a_broken_connection(
    error: requests.RequestException, ours: type[BrokerError]
) -> None:
    assert type(translate_error(error, endpoints.HOLDINGS)) is ours


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, BrokerLoginRequired),
        (429, BrokerBusy),
        (500, BrokerUnreachable),
        (502, BrokerUnreachable),
        (599, BrokerUnreachable),
        (302, BrokerAnswerUnclear),
        (400, BrokerAnswerUnclear),
        (404, BrokerAnswerUnclear),
        (204, BrokerAnswerUnclear),
    ],
)
def test_a_status_is_an_error_of_its_kind(
    monkeypatch: pytest.MonkeyPatch, status: int, error: type[BrokerError]
) -> None:
    wire = Wire(response(status), response(status))
    with pytest.raises(error):
        transport(monkeypatch, wire).call(endpoints.HOLDINGS, token="token")


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":', b"\xff\xfe", b"[" * 100_000, b"9" * 5_000])
def test_what_is_no_json_is_unclear(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    with pytest.raises(BrokerAnswerUnclear, match="not JSON"):
        transport(monkeypatch, Wire(response(200, body))).call(endpoints.HOLDINGS)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("0", 0), ("3600", 60), ("9" * 5_000, 60), ("Wed, 21 Oct 2026 07:28:00 GMT", 1), ("-5", 1), ("", 1)],
    ids=lambda value: str(value)[:12],
)
def test_how_long_a_busy_broker_asks_us_to_wait_is_passed_on_within_reason(
    monkeypatch: pytest.MonkeyPatch, header: str, seconds: int
) -> None:
    busy = [response(429, Retry_After=header) for _ in range(2)]
    limiter = RecordingLimiter()
    with pytest.raises(BrokerBusy) as caught:
        transport(monkeypatch, Wire(*busy), limiter).call(endpoints.HOLDINGS)
    assert caught.value.retry_after == seconds
    assert limiter.record == 2 * [("holdings", None), ("holdings", seconds)]


def test_each_contract_file_has_a_limit_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    limiter = RecordingLimiter()
    transport(monkeypatch, Wire(response(200)), limiter).call(endpoints.CONTRACT_FILE, exchange="BSEFO")
    assert limiter.record == [("contract_files:BSEFO", None)]


def test_cancelling_an_order_is_urgent_and_nothing_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    limiter, routes = RecordingLimiter(), (endpoints.CANCEL_ORDER, endpoints.CHANGE_ORDER, endpoints.PLACE_ORDER)
    made = transport(monkeypatch, Wire(*(response(200) for _ in routes)), limiter)
    for route in routes:
        made.call(route, order_id="1")
    assert limiter.urgent == [True, False, False]
    urgent = [value.name for value in vars(endpoints).values() if getattr(value, "urgent", None) is True]
    assert urgent == ["cancelorder"]


def test_every_route_has_a_limit_in_the_settings() -> None:
    routes = [value for value in vars(endpoints).values() if isinstance(value, endpoints.Endpoint)]
    assert {route.limit.partition(":")[0] for route in routes} <= set(django_settings.IIFL_LIMITS)


@pytest.mark.parametrize("first", [response(503), response(429), requests.ConnectionError("reset")])
def test_a_read_is_tried_twice(monkeypatch: pytest.MonkeyPatch, first: requests.Response | Exception) -> None:
    wire = Wire(first, response(200, b"[1]"))
    assert transport(monkeypatch, wire).call(endpoints.HOLDINGS) == [1]


@pytest.mark.parametrize("failure", [requests.ReadTimeout(), response(401), response(404), response(200, b"<html>")])
def test_what_another_try_would_not_help_is_tried_once(
    monkeypatch: pytest.MonkeyPatch, failure: requests.Response | Exception
) -> None:
    wire = Wire(failure)
    with pytest.raises(BrokerError):
        transport(monkeypatch, wire).call(endpoints.HOLDINGS)
    assert len(wire.sent) == 1


def test_what_is_no_read_is_tried_once_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    for failure in (response(503), response(429), response(504), requests.ConnectionError()):
        wire = Wire(failure)
        with pytest.raises(BrokerError):
            transport(monkeypatch, wire).call(endpoints.LOGIN, body={"checkSum": "x"})
        assert len(wire.sent) == 1


def test_the_token_travels_in_its_header_and_is_never_redirected(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(response(200), response(200))
    made = transport(monkeypatch, wire)
    made.call(endpoints.HOLDINGS, token="secret-token")
    made.call(endpoints.CONTRACT_FILE, exchange="NSEEQ")
    first, second = wire.sent
    assert first["headers"] == {"Authorization": "Bearer secret-token"}
    assert first["allow_redirects"] is False
    assert (second["headers"], second["url"]) == ({}, "http://broker.test/v1/contractfiles/NSEEQ.csv")


def test_every_route_has_its_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    routes = [value for value in vars(endpoints).values() if isinstance(value, endpoints.Endpoint)]
    assert len({route.name for route in routes}) == 21
    wire = Wire(*[response(200) for _ in routes])
    made = transport(monkeypatch, wire)
    for route in routes:
        made.call(route, exchange="NSEEQ", order_id="1")
    assert [call["timeout"] for call in wire.sent] == [(5.0, route.timeout) for route in routes]


def test_a_call_uses_no_proxy_and_no_netrc_and_leaves_by_ipv4(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment names a proxy and a password for the broker's host."""
    (tmp_path / "netrc").write_text("machine broker.test login someone password netrc-password\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://proxy.test:3128")
    sent: list[tuple[HTTPAdapter, requests.PreparedRequest, Any]] = []

    def send(adapter: HTTPAdapter, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        sent.append((adapter, request, more["proxies"]))
        return response(200)

    monkeypatch.setattr(HTTPAdapter, "send", send)
    for scheme in ("http", "https"):
        HTTPTransport(f"{scheme}://broker.test/v1").call(endpoints.HOLDINGS)
    assert len(sent) == 2
    for adapter, request, proxies in sent:
        assert ("Authorization" in request.headers, dict(proxies)) == (False, {})
        assert adapter.poolmanager.connection_pool_kw["source_address"] == ("0.0.0.0", 0)
