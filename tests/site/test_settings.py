"""The environment is read once, typed, and loud: what is wrong is named in one sentence."""

import os
import runpy
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.servers.project import ROOT, copy_to
from tradingsite.env import Environment

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
    ],
)
def test_unset_and_empty_are_the_default(reader: str, default: object) -> None:
    for values in ({}, {"NAME": ""}, {"NAME": "  "}):
        assert READERS[reader](Environment(values)) == default


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        *(("matching", value) for value in ("A", "a1", "a\nb")),
        *(("integer", value) for value in ("abc", "0", "10", "-1", "1.5", "1e3", "0x1")),
        *(("flag", value) for value in ("perhaps", "2", "truе")),  # noqa: RUF001 - a Cyrillic letter
        ("names", ","),
        *(("url", value) for value in ("http://x", "nonsense", "redis:", "redis:/x", "redis://", "redis://[x")),
        *(("url", f"redis://:secret@host:{port}/0") for port in ("port", "0", "65536")),
        *(("database", value) for value in ("nonsense", "mysql://host/site", "postgres://host", "sqlite://")),
        ("database", "postgres://user:secret@host:port/site"),
        ("database", "postgres://user:secret/x@host/site"),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_no_password_is_quoted(reader: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^NAME must .*[^.]\.$") as refused:
        READERS[reader](Environment({"NAME": value}))
    assert "secret" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


# --- the settings as a whole -------------------------------------------------------------------------------


def manage(*arguments: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """manage.py with these variables only."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DJANGO_SECRET_KEY": "x" * 60, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


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
    ("WEB_WORKERS", "0"),
    ("SIMULATOR_LATENCY", "-1"),
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


def test_a_real_account_needs_no_simulator() -> None:
    account = {"IIFL_CLIENT_ID": "AB123", "IIFL_APP_KEY": "key", "IIFL_APP_SECRET": "secret"}
    show = "from django.conf import settings as s; print(s.IIFL_BASE_URL, s.CACHE_PREFIX, s.IIFL_SIMULATED)"
    done = manage("shell", "--no-imports", "-c", show, environment=account)
    assert done.stdout.split() == ["https://api.iiflcapital.com/v1", "iifl:AB123", "False"]


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
