"""Webhooks: signed, to addresses that may be called, and nowhere else."""

import base64
import hashlib
import hmac
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event
from typing import Any, ClassVar

import certifi
import pytest
from certifi import where as public_authorities
from pytest_django.fixtures import Settings

from alerts import services
from alerts.delivery import messages, webhook
from alerts.delivery.addresses import RefusedAddress, check_address, resolve
from alerts.delivery.webhook import WebhookFailed
from tests.alerts.conftest import NOW, SECRET, MakeAlert
from testservers.certificates import Certificates

# The example of the specification (standardwebhooks.com), which its libraries are tested with.
EXAMPLE = (
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    1614265330,
    b'{"test": 2432232314}',
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
)


class Receiver(BaseHTTPRequestHandler):
    """Answers with `status`, and keeps what it got."""

    status: ClassVar[int] = 200
    got: ClassVar[list[tuple[str, dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        type(self).got.append((self.path, headers, body))
        self.send_response(type(self).status)
        if type(self).status in (301, 302, 307):
            self.send_header("Location", f"http://{self.headers['Host']}/elsewhere")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def listening(context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A receiver on a port of this machine."""
    Receiver.status, Receiver.got = 200, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def receiver() -> Iterator[str]:
    with listening() as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def inside_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a receiver whose certificate, for 127.0.0.1, is trusted."""
    files = Certificates(tmp_path)
    monkeypatch.setattr(certifi, "where", lambda: str(files.ca))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    with listening(context) as port:
        yield port


def test_a_signature_is_that_of_the_specification() -> None:
    secret, number, timestamp, body, signature = EXAMPLE
    assert webhook.signature(secret, number, timestamp, body) == signature


@pytest.mark.usefixtures("webhooks")
def test_the_receiver_gets_the_alert_signed_and_timestamped(receiver: str, make_alert: MakeAlert) -> None:
    alert = make_alert(webhook_url=f"{receiver}/hook?for=me", note="Sell")
    services.fire(alert.pk, at=NOW, price=Decimal("2905.5"), change_percent=Decimal("1.25"))
    alert.refresh_from_db()
    webhook.call(alert.webhook_url, "alert-1-webhook", messages.webhook_body(alert), NOW)
    ((path, headers, body),) = Receiver.got
    assert path == "/hook?for=me"
    assert headers["host"] == receiver.removeprefix("http://")
    sent = json.loads(body)
    assert (sent["type"], sent["timestamp"]) == ("alert.fired", "2026-01-08T11:00:00+05:30")
    assert (sent["data"]["symbol"], sent["data"]["fired_price"], sent["data"]["note"]) == (
        "RELIANCE",
        "2905.50",
        "Sell",
    )
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))


@pytest.mark.usefixtures("webhooks")
@pytest.mark.parametrize(("status", "final"), [(500, False), (429, False), (408, False), (404, True), (410, True)])
def test_a_refusal_is_final_where_trying_again_cannot_help(receiver: str, status: int, final: bool) -> None:
    Receiver.status = status
    with pytest.raises(WebhookFailed, match=str(status)) as caught:
        webhook.call(receiver, "1", b"{}", NOW)
    assert caught.value.final is final


@pytest.mark.usefixtures("webhooks")
@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_is_not_followed(receiver: str, status: int) -> None:
    Receiver.status = status
    with pytest.raises(WebhookFailed, match="not followed"):
        webhook.call(receiver, "1", b"{}", NOW)
    assert len(Receiver.got) == 1


@pytest.mark.usefixtures("webhooks")
def test_a_receiver_that_is_not_there_is_an_error_without_details_of_ours() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(WebhookFailed, match="cannot be reached") as caught:
        webhook.call(f"http://127.0.0.1:{port}", "1", b"{}", NOW)
    assert SECRET not in str(caught.value)


@pytest.mark.usefixtures("webhooks")
def test_a_receiver_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(WebhookFailed, match="cannot be reached"):
            webhook.call(f"http://127.0.0.1:{silent.getsockname()[1]}", "1", b"{}", NOW)


@pytest.mark.usefixtures("webhooks")
def test_a_receiver_is_called_inside_tls(inside_tls: int) -> None:
    webhook.call(f"https://127.0.0.1:{inside_tls}/hook", "1", b"{}", NOW)
    assert [(path, body) for path, _, body in Receiver.got] == [("/hook", b"{}")]


@pytest.mark.usefixtures("webhooks")
def test_a_certificate_of_another_name_is_refused(inside_tls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", inside_tls))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(WebhookFailed, match="cannot be reached"):
        webhook.call(f"https://example.com:{inside_tls}/hook", "1", b"{}", NOW)
    assert Receiver.got == []


@pytest.mark.usefixtures("webhooks")
def test_a_certificate_that_nobody_trusts_is_refused(inside_tls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certifi, "where", public_authorities)
    with pytest.raises(WebhookFailed, match="cannot be reached"):
        webhook.call(f"https://127.0.0.1:{inside_tls}/hook", "1", b"{}", NOW)
    assert Receiver.got == []


@pytest.mark.usefixtures("webhooks")
def test_a_receiver_that_answers_byte_by_byte_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT", 0.3)
    patience = 200
    sent: list[int] = []

    def answer(server: socket.socket) -> None:
        accepted, _ = server.accept()
        with accepted, suppress(OSError):
            while len(sent) < patience:
                accepted.sendall(b"H")
                sent.append(1)
                Event().wait(0.05)

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        receiver = threading.Thread(target=answer, args=(server,))
        receiver.start()
        with pytest.raises(WebhookFailed, match="cannot be reached"):
            webhook.call(f"http://127.0.0.1:{server.getsockname()[1]}", "1", b"{}", NOW)
        receiver.join()
    assert len(sent) < patience


# --- where they may go -------------------------------------------------------------------------------------

PRIVATE = (
    "127.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",  # the metadata service of clouds
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[fe80::1]",
    "[fd00::1]",
    "[ff02::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
)


@pytest.mark.parametrize("host", PRIVATE)
def test_an_address_that_is_not_public_is_refused(host: str) -> None:
    assert "not a public address" in check_address(f"https://{host}/hook")
    with pytest.raises(RefusedAddress):
        resolve(f"https://{host}/hook")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "https://",
        "https://user:password@example.com",
        "https://example.com:0",
        "https://example.com:99999",
        "https://exa mple.com",
        "https://example.com/\r\nHost: other",
        "https://example.com\\@127.0.0.1/",
        "http://example.com",
        "http://93.184.216.34",
    ],
)
def test_what_is_no_address_of_a_webhook_is_refused(url: str) -> None:
    assert check_address(url)


@pytest.mark.parametrize("name", ["127.1", "2130706433", "0x7f.1", "localhost"])
def test_other_ways_to_write_this_machine_are_refused_when_they_are_resolved(name: str) -> None:
    with pytest.raises(RefusedAddress):
        resolve(f"https://{name}/")


def test_a_name_is_refused_if_one_of_its_addresses_is_private(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(RefusedAddress, match=r"10\.0\.0\.1"):
        resolve("https://example.com/")


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolves to another address a moment later reaches nothing else."""
    answers = iter(["93.184.216.34", "127.0.0.1"])

    def getaddrinfo(*args: Any, **kwargs: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), 443))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    target = resolve("https://example.com/hook")
    assert (target.address, target.host, target.host_header) == ("93.184.216.34", "example.com", "example.com")


def test_a_network_that_the_operator_allows_may_be_called(settings: Settings) -> None:
    settings.ALERT_WEBHOOK_NETWORKS = ["10.0.0.0/8"]
    assert check_address("https://10.1.2.3/") == ""
    assert "https" in check_address("http://10.1.2.3/")
    assert check_address("https://192.168.0.1/")


def test_the_secret_stands_in_no_error_and_no_log(
    webhooks: None, make_alert: MakeAlert, caplog: pytest.LogCaptureFixture
) -> None:
    alert = make_alert(webhook_url="https://[::1]/")
    services.fire(alert.pk, at=NOW + timedelta(seconds=1), price=Decimal(2905), change_percent=None)
    with pytest.raises(RefusedAddress) as caught:
        webhook.call(alert.webhook_url, "1", b"{}", NOW)
    assert SECRET not in caplog.text + str(caught.value)
