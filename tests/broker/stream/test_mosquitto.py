"""The client against Debian's mosquitto, inside TLS: another server's idea of MQTT, and certificates."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from broker.stream import client as client_module
from broker.stream import topics
from broker.stream.client import ClientState
from broker.stream.topics import Kind
from tests.broker.stream.conftest import Follow, Recorder
from tests.support.programs import program
from tests.support.waiting import eventually
from testservers.ports import free_port
from testservers.processes import Program

RELIANCE = topics.of_instrument(Kind.PRICE, "NSEEQ", "2885")
TOKEN = "the.days.token"


class Mosquitto(Program):
    """A server that knows one user, whose password is the stream's form of TOKEN."""

    def __init__(self, folder: Path, certificate: Path) -> None:
        self.port = free_port()
        self.folder = folder
        passwords = folder / "passwords"
        subprocess.run(
            [program("mosquitto_passwd"), "-c", "-b", str(passwords), "SIM0001", f"OPENID~~{TOKEN}~"], check=True
        )
        passwords.chmod(0o644)
        config = folder / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\ncertfile {certificate}\nkeyfile {certificate}\n"
            f"password_file {passwords}\nallow_anonymous false\nuser root\n"
        )
        command = [program("mosquitto"), "-c", str(config)]
        super().__init__(command, log=folder / "mosquitto.log", cwd=folder, environment={})

    @property
    def url(self) -> str:
        return f"mqtts://127.0.0.1:{self.port}"

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        (self.folder / "payload").write_bytes(payload)
        command = [program("mosquitto_pub"), "--cafile", str(self.folder / "server.pem"), "-h", "127.0.0.1"]
        command += ["-p", str(self.port), "-u", "SIM0001", "-P", f"OPENID~~{TOKEN}~", "-t", topic]
        subprocess.run([*command, "-f", str(self.folder / "payload"), *(["-r"] if retain else [])], check=True)


def certificate(path: Path, host: str) -> Path:
    """Write a certificate that signs itself, for this address, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stream")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mosquitto]:
    program("mosquitto")
    monkeypatch.setattr(client_module, "MIN_DELAY", 0.05)
    with Mosquitto(tmp_path, certificate(tmp_path / "server.pem", "127.0.0.1")) as running:
        running.wait_until(lambda: "running" in running.output)
        yield running


def test_packets_arrive_over_tls(server: Mosquitto, follow: Follow, recorder: Recorder) -> None:
    recorder.token = TOKEN
    server.publish(RELIANCE, b"before", retain=True)
    client = follow(server.url, RELIANCE, ca=str(server.folder / "server.pem"))
    eventually(lambda: client.acknowledged == {RELIANCE})
    server.publish(RELIANCE, b"\x10\xf3\x01\x00")
    eventually(lambda: len(recorder.packets) == 2)
    assert recorder.packets == [(RELIANCE, b"before", True), (RELIANCE, b"\x10\xf3\x01\x00", False)]


def test_a_wrong_password_is_a_refused_token(server: Mosquitto, follow: Follow, recorder: Recorder) -> None:
    recorder.token = "another.days.token"
    client = follow(server.url, RELIANCE, ca=str(server.folder / "server.pem"))
    eventually(lambda: client.state is ClientState.LOGIN_REQUIRED)


def test_a_certificate_that_nobody_trusts_is_refused(server: Mosquitto, follow: Follow, recorder: Recorder) -> None:
    recorder.token = TOKEN
    client = follow(server.url, RELIANCE)
    eventually(lambda: "certificate is not valid" in client.reason)
    assert recorder.connections == 0


def test_a_certificate_for_another_name_is_refused(server: Mosquitto, follow: Follow, recorder: Recorder) -> None:
    recorder.token = TOKEN
    client = follow(f"mqtts://localhost:{server.port}", RELIANCE, ca=str(server.folder / "server.pem"))
    eventually(lambda: "certificate is not valid" in client.reason)
    assert recorder.connections == 0
