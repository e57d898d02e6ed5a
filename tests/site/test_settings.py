"""The environment is read once, with types, and loudly: one sentence names what is wrong."""

import os
import re
import runpy
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.support.commands import manage
from testservers.project import ROOT, copy_to
from tradingsite.env import Environment
from tradingsite.private_files import private_folder, tighten

Reader = Callable[[Environment], Any]

REDIS = ("redis", "rediss", "unix")
READERS: dict[str, Reader] = {
    "text": lambda env: env.text("NAME", "default"),
    "matching": lambda env: env.matching("NAME", "abc", "[a-z]+", "small letters"),
    "integer": lambda env: env.integer("NAME", 7, minimum=1, maximum=9),
    "flag": lambda env: env.flag("NAME"),
    "flag that is set": lambda env: env.flag("NAME", default=True),
    "names": lambda env: env.names("NAME", "a,b"),
    "url": lambda env: env.url("NAME", "redis://localhost", schemes=REDIS),
    "database": lambda env: env.database("NAME", "sqlite:///x.sqlite3")["NAME"],
    "email": lambda env: env.email("NAME").get("EMAIL_HOST"),
    "webhook secret": lambda env: env.webhook_secret("NAME"),
}


@pytest.mark.parametrize(
    ("reader", "value", "read"),
    [
        ("text", " a b ", "a b"),
        ("matching", "xyz", "xyz"),
        ("integer", "9", 9),
        ("integer", " 1 ", 1),
        *(("flag", value, True) for value in ("1", "true", "True", "YES", "on", " on ")),
        *((flag, value, False) for flag in ("flag", "flag that is set") for value in ("0", "false", "No", "off")),
        ("names", "a.example, b.example,", ["a.example", "b.example"]),
        ("url", "redis://:secret@host:6379/1", "redis://:secret@host:6379/1"),
        ("url", "unix:///run/redis.sock?db=0", "unix:///run/redis.sock?db=0"),
        ("url", "redis://host/", "redis://host"),
        ("database", "postgres://user:p%23ss@host:5432/site", "site"),
        ("database", "postgresql://host/site", "site"),
        ("database", "sqlite:////srv/my%20site.sqlite3", "/srv/my site.sqlite3"),
        ("email", "smtp+tls://me:p%23ss@mail.example.com:587", "mail.example.com"),
        ("webhook secret", f"whsec_{'QUJD' * 8}", f"whsec_{'QUJD' * 8}"),
    ],
)
def test_a_value_is_read_as_its_type(reader: str, value: str, read: object) -> None:
    assert READERS[reader](Environment({"NAME": value})) == read


@pytest.mark.parametrize(
    ("reader", "default"),
    [
        ("text", "default"),
        ("matching", "abc"),
        ("integer", 7),
        ("flag", False),
        ("flag that is set", True),
        ("names", ["a", "b"]),
        ("url", "redis://localhost"),
        ("database", "x.sqlite3"),
        ("email", None),
        ("webhook secret", ""),
    ],
)
def test_unset_and_empty_are_the_default(reader: str, default: object) -> None:
    for values in ({}, {"NAME": ""}, {"NAME": "  "}):
        assert READERS[reader](Environment(values)) == default


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        *(("matching", value) for value in ("A", "a1", "a\nb")),
        *(("integer", value) for value in ("abc", "0", "10", "-1", "1.5", "1e3", "0x1", "0_7", "७")),
        *(("flag", value) for value in ("perhaps", "2", "truе")),  # noqa: RUF001 - a Cyrillic letter
        ("names", ","),
        *(("url", value) for value in ("http://x", "nonsense", "redis:", "redis:/x", "redis://", "redis://[x")),
        *(("url", f"redis://:secret@host:{port}/0") for port in ("port", "0", "65536")),
        *(("database", value) for value in ("nonsense", "mysql://host/site", "postgres://host", "sqlite://")),
        ("database", "postgres://user:secret@host:port/site"),
        ("database", "postgres://user:secret/x@host/site"),
        *(("email", value) for value in ("mail.example.com", "smtp://me:secret@host:port", "imap://host", "smtp://")),
        *(("webhook secret", value) for value in ("secret", "whsec_", "whsec_c2VjcmV0", "whsec_secret!", "QUJD" * 8)),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_no_password_is_quoted(reader: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^NAME must .*[^.]\.$") as refused:
        READERS[reader](Environment({"NAME": value}))
    assert "secret" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


# --- the settings as a whole -------------------------------------------------------------------------------


WRONG = [
    ("PORT", "abc"),
    ("PORT", "65536"),
    ("CACHE_TTL_HOLDINGS", "0"),
    ("CACHE_TTL_HOLDINGS", "x"),
    ("DATABASE_URL", "nonsense"),
    ("REDIS_URL", "http://x"),
    ("IIFL_BASE_URL", "ftp://x"),
    ("IIFL_CLIENT_ID", "a*"),
    ("IIFL_APP_KEY", "key"),
    ("IIFL_APP_SECRET", "secret"),
    ("DJANGO_DEBUG", "perhaps"),
    ("DJANGO_HTTPS", "perhaps"),
    ("DJANGO_ALLOWED_HOSTS", ","),
    ("DJANGO_TRUSTED_ORIGINS", "example.com"),
    ("DJANGO_TRUSTED_ORIGINS", "https://example.com/path"),
    ("EMAIL_URL", "mail.example.com"),
    ("ALERT_WEBHOOK_SECRET", "whsec_c2VjcmV0"),
    ("ALERT_WEBHOOK_NETWORKS", "10.0.0.0/33"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
    ("WEB_WORKERS", "0"),
    ("SIMULATOR_LATENCY", "-1"),
    ("SIMULATOR_CLOCK", "yesterday"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_stops_the_start_with_one_sentence_that_names_it(name: str, value: str) -> None:
    done = manage("check", environment={name: value})
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("Configuration: ")
    assert line.endswith(".")
    # Of the account's three variables those that are missing are named.
    assert (name if not name.startswith("IIFL_APP") else "IIFL_CLIENT_ID") in line


@pytest.mark.parametrize("command", ["runsite", "migrate", "runsimulator"])
def test_every_command_says_so_the_same_way(command: str) -> None:
    done = manage(command, environment={"PORT": "abc"})
    assert done.returncode == 1
    assert done.stderr == "Configuration: PORT must be a whole number; it is 'abc'.\n"


# --- misspelt names ----------------------------------------------------------------------------------------

MISSPELT = [
    ("CACHE_TTL_HOLDING", "CACHE_TTL_HOLDINGS"),
    ("CACHE_STALE_HOLDNGS", "CACHE_STALE_HOLDINGS"),
    ("CACHE_NAER", "CACHE_NEAR"),
    ("IIFL_APP_SECRT", "IIFL_APP_SECRET"),
    ("IFL_CLIENT_ID", "IIFL_CLIENT_ID"),
    ("IIFL_LIMITS_ORDERS", "IIFL_LIMIT_ORDERS"),
    ("DJANGO_ALLOWED_HOST", "DJANGO_ALLOWED_HOSTS"),
    ("DJANGO_SECRET", "DJANGO_SECRET_KEY"),
    ("SIMULATOR_LATENCEY", "SIMULATOR_LATENCY"),
    ("WEB_WORKER", "WEB_WORKERS"),
    ("LOG_LEVLE", "LOG_LEVEL"),
    ("DATABASE_ULR", "DATABASE_URL"),
    ("REDIS_URI", "REDIS_URL"),
    ("TRADING_ENABLE", "TRADING_ENABLED"),
    ("OTEL_EXPORTER_OTLP_ENDPOINTS", "OTEL_EXPORTER_OTLP_ENDPOINT"),
]
FOREIGN = (
    *("DJANGO_SETTINGS_MODULE", "DJANGO_COLORS", "DJANGO_RUNSERVER_HIDE_WARNING", "DJANGO_ALLOW_ASYNC_UNSAFE"),
    *("DJANGO_SUPERUSER_USERNAME", "DJANGO_SUPERUSER_PASSWORD", "DJANGO_SUPERUSER_EMAIL", "DJANGO_TEST_PROCESSES"),
    *("DJANGO_WATCHMAN_TIMEOUT", "DJANGO_CONFIGURATION", "DJANGO_ENV"),
    *("WEB_CONCURRENCY", "WEB_PORT", "WEB_SERVICE_HOST", "GRANIAN_PORT", "HOSTNAME", "HOSTTYPE", "LOGNAME", "LOG_DIR"),
    *("REDIS_HOST", "REDIS_PORT", "REDIS_USER", "REDIS_PASSWORD", "REDIS_TLS_URL", "REDIS_PORT_6379_TCP_ADDR"),
    *("DATABASE_USER", "DATABASE_HOST", "DATABASE_NAME", "TEST_DATABASE_URL", "MY_DATABASE_URL", "DATABASE_URL_2"),
    *(
        "OTEL_TRACES_SAMPLER",
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_RESOURCE_NAME",
    ),
    *("CACHE_DIR", "CACHE_URL", "PIP_CACHE_DIR", "XDG_CACHE_HOME", "POSTGRES_PORT", "PORTS"),
)


def refused_name(found: subprocess.CompletedProcess[str]) -> tuple[str, str]:
    """The name that the one line of errors refuses, and the one that it proposes."""
    sentence = re.fullmatch(
        r"Configuration: (\w+) is not a variable of this site: did you mean (\w+)\?\n", found.stderr
    )
    assert sentence, found.stderr
    assert found.returncode == 1
    return sentence[1], sentence[2]


def known_names(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    read = Noting({"DJANGO_SECRET_KEY": "x" * 60})
    settings_with(read, monkeypatch)
    return read.asked


@pytest.mark.parametrize(("name", "meant"), MISSPELT)
def test_a_misspelt_name_is_refused_with_the_nearest_right_one(
    name: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ImproperlyConfigured, match=rf"^{name} is not a variable of this site: did you mean {meant}\?$"):
        settings_with(Noting({"DJANGO_SECRET_KEY": "x" * 60, name: "5"}), monkeypatch)


@pytest.mark.parametrize("name", FOREIGN)
def test_another_programs_variable_is_none_of_our_business(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_with(Noting({"DJANGO_SECRET_KEY": "x" * 60, name: "5"}), monkeypatch)


@pytest.mark.parametrize("letter", [0, 1, -1, -2])
def test_a_long_name_with_a_letter_missing_is_refused(letter: int, monkeypatch: pytest.MonkeyPatch) -> None:
    known = known_names(monkeypatch)
    long = [name for name in known if len(name.partition("_")[2]) > 4]
    assert len(long) > 60
    for name in long:
        shortened = "".join(character for place, character in enumerate(name) if place != letter % len(name))
        env = Environment({shortened: "5"})
        for other in known:
            env.text(other)
        with pytest.raises(ImproperlyConfigured, match=rf"^{shortened} is .*did you mean {name}\?"):
            env.refuse_unknown()


def test_a_name_that_nothing_resembles_is_refused_where_only_this_site_has_such_names() -> None:
    sentence = ".env.example lists all of them."
    assert manage("check", environment={"IIFL_QQQQQQQQQQQ": "5"}).stderr == (
        f"Configuration: IIFL_QQQQQQQQQQQ is not a variable of this site: {sentence}\n"
    )


def test_a_misspelt_name_without_a_value_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_with(Noting({"DJANGO_SECRET_KEY": "x" * 60, "CACHE_TTL_HOLDING": " "}), monkeypatch)


def test_a_misspelt_name_stops_every_command_and_its_value_is_not_quoted() -> None:
    found = manage("runsite", environment={"IIFL_APP_SECRETS": "s3cr3t"})
    assert refused_name(found) == ("IIFL_APP_SECRETS", "IIFL_APP_SECRET")


def test_a_misspelt_name_in_the_env_file_is_refused_too(tmp_path: Path) -> None:
    project = copy_to(tmp_path / "site")
    (project / ".env").write_text("CACHE_TTL_HOLDINGS=5\nCACHE_STALE_HOLDNGS=5\n")
    found = manage("check", environment={}, project=project)
    assert refused_name(found) == ("CACHE_STALE_HOLDNGS", "CACHE_STALE_HOLDINGS")


# --- settings that depend on each other --------------------------------------------------------------------


def test_a_collector_without_the_packages_for_it_stops_the_start_with_one_sentence(tmp_path: Path) -> None:
    package = tmp_path / "opentelemetry"  # hides the one that is installed
    package.mkdir()
    (package / "__init__.py").touch()
    collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "PYTHONPATH": str(tmp_path)}
    done = manage("check", environment=collector)
    assert done.returncode == 1
    assert done.stderr == (
        "Configuration: OTEL_EXPORTER_OTLP_ENDPOINT must stay unset until the packages that export traces are "
        "installed: .venv/bin/pip install --require-hashes -r requirements-otel.txt\n"
    )


def test_a_collector_is_spoken_to_by_http_alone() -> None:
    collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    done = manage("check", environment=collector)
    assert done.stderr.startswith("Configuration: OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf")


def test_who_wants_the_traceback_gets_it() -> None:
    assert "Traceback" in manage("check", "--traceback", environment={"PORT": "abc"}).stderr


def test_production_settings_pass_the_deployment_checks() -> None:
    production = {
        "DJANGO_HTTPS": "true",
        "DJANGO_ALLOWED_HOSTS": "example.com",
        "DJANGO_SECRET_KEY": "".join(chr(33 + number % 90) for number in range(60)),
    }
    done = manage("check", "--deploy", "--fail-level", "WARNING", environment=production)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout + done.stderr


BEHIND_TLS = """
from django.test import Client
from django.urls import reverse
client, host = Client(enforce_csrf_checks=True), {"HTTP_HOST": "example.com"}
for path in ("/metrics", "/api/system/health", "/livez", "/readyz", "/api/broker/holdings"):
    print(client.get(path, **host).status_code, client.get(path, HTTP_HOST="127.0.0.1:8000").status_code)
https = host | {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_ORIGIN": "https://example.com:8443"}
token = client.get("/admin/login/", **https).cookies["csrftoken"].value
form = {"username": "a", "password": "b", "csrfmiddlewaretoken": token}
referer = {"HTTP_REFERER": "https://example.com:8443/admin/login/"}
print(client.post("/admin/login/", form, **https, **referer).status_code)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("origins", "login"), [("https://example.com:8443", "200"), pytest.param("", "403", marks=pytest.mark.slow)]
)
def test_behind_a_proxy_with_tls_metrics_answer_and_a_form_is_taken_from_the_sites_address(
    tmp_path: Path, origins: str, login: str
) -> None:
    environment = {
        "DJANGO_HTTPS": "true",
        "DJANGO_ALLOWED_HOSTS": "example.com",
        "DJANGO_TRUSTED_ORIGINS": origins,
        "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    assert manage("migrate", environment=environment).returncode == 0
    done = manage("shell", "--no-imports", "-c", BEHIND_TLS, environment=environment)
    assert done.stdout.split("\n")[:5] == ["401 401", "200 200", "200 200", "200 200", "301 301"], done.stderr
    assert done.stdout.split()[-1] == login


def test_a_real_account_needs_no_simulator() -> None:
    account = {"IIFL_CLIENT_ID": "AB123", "IIFL_APP_KEY": "key", "IIFL_APP_SECRET": "secret"}
    show = "from django.conf import settings as s; print(s.IIFL_BASE_URL, s.CACHE_PREFIX, s.IIFL_SIMULATED)"
    done = manage("shell", "--no-imports", "-c", show, environment=account)
    assert done.stdout.split() == ["https://api.iiflcapital.com/v1", "iifl:AB123", "False"]


SHOW_HSTS = """
from django.conf import settings as s
print(s.SECURE_HSTS_SECONDS, s.SECURE_HSTS_INCLUDE_SUBDOMAINS, s.SECURE_HSTS_PRELOAD)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({"DJANGO_HTTPS": "true"}, "3600 False False"),
        (
            {"DJANGO_HTTPS": "true", "DJANGO_HSTS_SECONDS": "31536000", "DJANGO_HSTS_PRELOAD": "true"},
            "31536000 False True",
        ),
        ({"DJANGO_HSTS_SECONDS": "31536000", "DJANGO_HSTS_SUBDOMAINS": "true"}, "0 False False"),
    ],
)
def test_browsers_are_bound_to_https_for_an_hour_unless_more_is_asked_for(
    environment: dict[str, str], shown: str
) -> None:
    assert manage("shell", "--no-imports", "-c", SHOW_HSTS, environment=environment).stdout.strip() == shown


ACCOUNT = {"IIFL_CLIENT_ID": "AB123", "IIFL_APP_KEY": "key", "IIFL_APP_SECRET": "secret"}


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"HOST": "0.0.0.0"}, "HOST is 0.0.0.0"),
        ({"HOST": "::"}, "HOST is ::"),
        ({"HOST": "site.example"}, "HOST is site.example"),
        ({"IIFL_BASE_URL": "http://api.broker.example/v1"}, "IIFL_BASE_URL must begin with https://"),
    ],
)
def test_a_real_account_is_refused_where_its_secrets_would_travel_in_plain_text(
    environment: dict[str, str], named: str
) -> None:
    done = manage("check", environment=ACCOUNT | environment)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert named in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {"HOST": "127.0.0.1"},
        {"HOST": "::1"},
        {"HOST": "0.0.0.0", "DJANGO_HTTPS": "true"},
        {"IIFL_BASE_URL": "http://127.0.0.1:9780/v1"},
    ],
)
def test_a_real_account_is_served_where_they_do_not(environment: dict[str, str]) -> None:
    assert manage("check", environment=ACCOUNT | environment).returncode == 0


class Noting(dict[str, str]):
    """Notes what is asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)


def settings_with(values: Noting, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr("tradingsite.env.Environment", lambda _: Environment(values))
    module = runpy.run_path(str(ROOT / "tradingsite" / "settings.py"))
    return {name: value for name, value in module.items() if name.isupper()}


def test_the_example_names_every_variable_and_as_it_stands_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    key = {"DJANGO_SECRET_KEY": "x" * 60}
    unset = Noting(key)
    defaults = settings_with(unset, monkeypatch)
    assert set(example) == unset.asked
    assert settings_with(Noting(example | key), monkeypatch) == defaults


# --- the secret key ----------------------------------------------------------------------------------------

SHOW_KEY = "import tradingsite.settings as s; print(s.SECRET_KEY)"


def test_first_starts_at_once_agree_on_one_secret_key(tmp_path: Path) -> None:
    project = copy_to(tmp_path / "site")
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", SHOW_KEY], cwd=project, env={"PATH": os.environ["PATH"]}, stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]
    keys = {start.communicate(timeout=60)[0].strip() for start in starts}
    assert len(keys) == 1
    (key,) = keys
    assert len(key) > 50
    path = project / "var" / "secret_key"
    assert path.read_bytes() == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.glob("secret_key*")] == ["secret_key"]


# --- var/ --------------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_made_is_said_in_a_sentence(tmp_path: Path) -> None:
    project = copy_to(tmp_path / "site")
    (project / "var").write_text("a file where the folder is to be")
    found = manage("check", environment={}, project=project)
    assert found.returncode == 1
    assert found.stderr == (
        f"Configuration: The folder {project}/var cannot be used (File exists): "
        "make it writable, or run the site as its owner.\n"
    )


def test_what_others_can_read_under_var_is_closed_to_them(tmp_path: Path) -> None:
    var = tmp_path / "var"
    (var / "redis").mkdir(parents=True, mode=0o755)
    (var / "site.sqlite3").touch(0o644)
    (tmp_path / "outside").touch()
    (tmp_path / "outside").chmod(0o644)  # whatever the umask is
    (var / "link").symlink_to(tmp_path / "outside")
    tighten(private_folder(var))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (var, *var.iterdir())}
    assert modes == {"var": 0o700, "redis": 0o700, "site.sqlite3": 0o600, "link": 0o644}
