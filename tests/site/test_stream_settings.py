"""The settings of the broker's stream: what is taken, and what stops the start with a sentence."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.support.commands import manage
from testservers.certificates import Certificates
from tradingsite.env import Environment

SCHEMES = ("mqtts", "mqtt")
REAL = {"IIFL_CLIENT_ID": "90000001", "IIFL_APP_KEY": "key", "IIFL_APP_SECRET": "secret"}
ASK = "from broker import conf; print(conf.stream_url() or 'none')"


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("off", ""),
        (" OFF ", ""),
        ("mqtts://bridge.iiflcapital.com:8883", "mqtts://bridge.iiflcapital.com:8883"),
        ("mqtt://127.0.0.1:1883/", "mqtt://127.0.0.1:1883"),
        ("", "mqtts://default.example"),
    ],
)
def test_an_address_or_off_is_read(value: str, read: str) -> None:
    environment = Environment({"IIFL_STREAM_URL": value})
    assert environment.url_or_off("IIFL_STREAM_URL", "mqtts://default.example", schemes=SCHEMES) == read


def test_certificates_are_read_as_they_are(tmp_path: Path) -> None:
    ca = str(Certificates(tmp_path).ca)
    assert Environment({"IIFL_STREAM_CA": ca}).certificates("IIFL_STREAM_CA") == ca
    assert Environment({}).certificates("IIFL_STREAM_CA") == ""


def test_what_is_no_certificate_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="IIFL_STREAM_CA must be a file of PEM certificates"):
        Environment({"IIFL_STREAM_CA": __file__}).certificates("IIFL_STREAM_CA")


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"IIFL_STREAM_URL": "https://h"}, "IIFL_STREAM_URL must be an address that begins with mqtts:// or mqtt://."),
        (
            {"IIFL_STREAM_URL": "mqtt://bridge.example:1883"},
            "IIFL_STREAM_URL must begin with mqtts:// beyond loopback; the session's token travels there.",
        ),
        ({"IIFL_STREAM_SYMBOLS": "0"}, "IIFL_STREAM_SYMBOLS must lie between 1 and 2500; it is 0."),
    ],
)
def test_a_wrong_value_stops_the_start_with_one_sentence(variables: dict[str, str], sentence: str) -> None:
    done = manage("check", environment=variables)
    assert (done.returncode, done.stderr) == (1, f"Configuration: {sentence}\n")


def test_a_real_account_follows_the_brokers_stream() -> None:
    done = manage("shell", "--no-imports", "-c", ASK, environment=REAL)
    assert done.stdout == "mqtts://bridge.iiflcapital.com:8883\n"
