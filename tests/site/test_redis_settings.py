"""REDIS_URL and what goes with it: each form is taken, and whatever cannot be right stops the start with a sentence."""

from collections.abc import Iterator

import pytest
from django.core.exceptions import ImproperlyConfigured

from systemcache.storage.redis_url import SentinelURL, parse_sentinel
from tests.support.commands import manage
from tests.support.programs import leave_out
from testservers.certificates import Certificates
from testservers.ports import free_port
from testservers.redis_server import NOTHING_ON_DISK, RedisServer
from tradingsite.env import Environment

TWO = (("one.example", 26379), ("10.0.0.2", 26380))


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0",
        "redis://:p%40ss@host/15",
        "redis://host",
        "rediss://user:secret@host:6380/1",
        "unix:///run/redis/redis.sock?db=2",
        "redis+sentinel://one,two:26380,[::1]:26379/mymaster/3",
        "redis+sentinel://user:p%40ss@one/mymaster",
    ],
)
def test_each_form_of_address_is_taken(url: str) -> None:
    assert Environment({"REDIS_URL": url}).redis("REDIS_URL", "") == url


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("http://host", "begins with redis://"),
        ("redis://host:99999/0", "host and port make sense"),
        ("redis:///0", "host and port make sense"),
        ("redis://host:6379/first", "the number of a database"),
        ("redis://host:6379/0/1", "the number of a database"),
        ("redis+sentinel://host:26379", "name Sentinel's service"),
        ("redis+sentinel://host:26379/", "name Sentinel's service"),
        ("redis+sentinel://host/site/first", "the number of a database"),
        ("redis+sentinel://host/site/0?ssl=1", "the number of a database"),
        ("redis+sentinel://one,,two/site/0", "list Sentinel's hosts"),
        ("redis+sentinel://one:0/site/0", "list Sentinel's hosts"),
        ("redis+sentinel:///site/0", "list Sentinel's hosts"),
        ("redis+sentinel://user:s3cret@host:port/site/0", "list Sentinel's hosts"),
    ],
)
def test_an_address_that_cannot_be_right_is_refused_without_being_quoted(url: str, what: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=what) as refused:
        Environment({"REDIS_URL": url}).redis("REDIS_URL", "")
    assert str(refused.value).startswith("REDIS_URL must ")
    assert "s3cret" not in str(refused.value)


def test_sentinels_address_is_taken_apart() -> None:
    assert parse_sentinel("redis+sentinel://me:p%40ss@one.example,10.0.0.2:26380/my%20site/3") == SentinelURL(
        TWO, "my site", 3, "me", "p@ss"
    )
    assert parse_sentinel("redis+sentinel://one.example,10.0.0.2:26380/site") == SentinelURL(TWO, "site", 0, "", "")


WRONG: list[tuple[dict[str, str], str]] = [
    ({"REDIS_TIMEOUT": "0"}, "REDIS_TIMEOUT must be a number of seconds between 0.05 and 10; it is '0'."),
    ({"REDIS_TIMEOUT": "1e1"}, "REDIS_TIMEOUT must be a number of seconds between 0.05 and 10; it is '1e1'."),
    ({"CACHE_NEAR_TRUST": "5"}, "CACHE_NEAR_TRUST must lie between 20 and 5000; it is 5."),
    (
        {"REDIS_URL": "rediss://h/0", "REDIS_CA": "/no/such/file"},
        "REDIS_CA must be a file that can be read; '/no/such/file' is not.",
    ),
    ({"REDIS_URL": "rediss://h/0", "REDIS_CERT": __file__}, "REDIS_CERT and REDIS_KEY must be set together."),
    (
        {"REDIS_URL": "redis://h/0", "REDIS_CA": __file__},
        "REDIS_CA, REDIS_CERT and REDIS_KEY must go with a REDIS_URL that begins with rediss:// or redis+sentinel://.",
    ),
    (
        {"REDIS_URL": "redis://h/0", "REDIS_SENTINEL_PASSWORD": "x"},
        "REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD must go with a REDIS_URL that begins with "
        "redis+sentinel://.",
    ),
    (
        {"REDIS_URL": "redis+sentinel://h/site/0", "REDIS_SENTINEL_USERNAME": "x"},
        "REDIS_SENTINEL_PASSWORD must be set too when REDIS_SENTINEL_USERNAME is.",
    ),
]


@pytest.mark.parametrize(("variables", "sentence"), WRONG)
def test_what_does_not_fit_together_stops_the_start_with_one_sentence(variables: dict[str, str], sentence: str) -> None:
    done = manage("check", environment=variables)
    assert (done.returncode, done.stderr) == (1, f"Configuration: {sentence}\n")


ASK = "from systemcache.storage import totals; print(totals.info()['tcp_port'])"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RedisServer, Certificates, int]]:
    """A Redis that speaks TLS at a port of its own, and asks for a certificate."""
    certificates, port = Certificates(tmp_path_factory.mktemp("certificates")), free_port()
    flags = [
        *("--tls-port", str(port), "--tls-auth-clients", "yes"),
        *("--tls-ca-cert-file", str(certificates.ca), "--tls-cert-file", str(certificates.certificate)),
        *("--tls-key-file", str(certificates.key)),
    ]
    try:
        server = RedisServer(tmp_path_factory.mktemp("redis"), *NOTHING_ON_DISK, *flags)
    except RuntimeError as error:
        leave_out(f"this server speaks no TLS: {error}")
    with server:
        yield server, certificates, port


def test_redis_is_reached_by_tls_with_a_certificate_of_ones_own(
    tls: tuple[RedisServer, Certificates, int],
) -> None:
    server, certificates, port = tls
    environment = {
        "REDIS_URL": f"rediss://localhost:{port}/0",
        "REDIS_CA": str(certificates.ca),
        "REDIS_CERT": str(certificates.certificate),
        "REDIS_KEY": str(certificates.key),
        "REDIS_TIMEOUT": "10",
    }
    done = manage("shell", "--no-imports", "-c", ASK, environment=environment)
    assert done.stdout.strip() == str(server.port), done.stderr
    other = Certificates(certificates.folder / "of_somebody_else")
    done = manage("shell", "--no-imports", "-c", ASK, environment={**environment, "REDIS_CA": str(other.ca)})
    assert "Redis cannot be used (ConnectionError)" in done.stderr
    unnamed = {**environment, "REDIS_URL": f"rediss://127.0.0.2:{port}/0"}  # no name of the certificate's
    assert "Redis cannot be used" in manage("shell", "--no-imports", "-c", ASK, environment=unnamed).stderr


def test_far_servers_have_time_and_no_wait_is_longer_than_a_connections() -> None:
    show = (
        "from django.conf import settings as s; o = s.CACHES['default']['OPTIONS']; "
        "print(o['SOCKET_TIMEOUT'], o['SOCKET_CONNECT_TIMEOUT'], s.CACHE_WAIT_SLICE, s.CACHE_NEAR_TRUST)"
    )
    far = {"REDIS_TIMEOUT": "1.5", "CACHE_NEAR_TRUST": "400"}
    assert manage("shell", "--no-imports", "-c", show, environment=far).stdout.split() == ["1.5", "1.5", "0.2", "400"]
    near = {"REDIS_TIMEOUT": "0.1"}
    assert manage("shell", "--no-imports", "-c", show, environment=near).stdout.split() == ["0.1", "0.1", "0.05", "80"]
