"""What deploy/ ships: an image whose steps run, a compose file, units and a Caddyfile that their programs accept."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from django.apps import apps
from django.conf import settings
from django.core.management import get_commands

from tests.support.programs import leave_out, only_linux, program
from tests.support.waiting import eventually
from testservers import caddy
from testservers.ports import free_port
from testservers.processes import Program
from testservers.project import ROOT

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
NEEDED = {"SITE_NAME": "site.example", "DJANGO_SECRET_KEY": "x", "POSTGRES_PASSWORD": "p", "REDIS_PASSWORD": "r"}
OWN_APPS = {config.name.partition(".")[0] for config in apps.get_app_configs() if Path(config.path).parent == ROOT}


def dockerfile() -> list[tuple[str, str]]:
    """Its instructions, each with its argument."""
    lines = [line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if line and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def arguments_of(instruction: str) -> list[str]:
    return [rest for name, rest in dockerfile() if name == instruction]


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The compose file as docker-compose reads it."""
    folder = tmp_path_factory.mktemp("project") / "deploy"
    folder.mkdir()
    shutil.copy(DEPLOY / "compose.yml", folder)
    shutil.copy(DEPLOY / "site.env.example", folder / "site.env")
    done = docker_compose(folder, NEEDED)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    return found


def docker_compose(folder: Path, variables: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [program("docker-compose"), "-f", str(folder / "compose.yml"), "config"],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# --- the compose file --------------------------------------------------------------------------------------


def test_the_compose_file_has_all_of_the_site_and_only_the_proxy_is_open(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"migrate", "web", "stream", "feed", "warm", "proxy", "redis", "postgres"}
    assert [name for name, service in services.items() if service.get("ports")] == ["proxy"]
    for name, service in services.items():
        assert name == "migrate" or service["mem_limit"], name
        assert "tradingsite:" in service["image"] or re.search(r":\d+\.\d+(\.\d+)?-alpine$", service["image"]), name


def test_the_sites_containers_may_write_nothing_and_have_no_rights(compose: dict[str, Any]) -> None:
    for name in ("migrate", "web", "stream", "feed", "warm"):
        service = compose["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("missing", NEEDED)
def test_a_value_that_is_missing_is_named_before_anything_starts(tmp_path: Path, missing: str) -> None:
    shutil.copy(DEPLOY / "compose.yml", tmp_path)
    (tmp_path / "site.env").touch()
    done = docker_compose(tmp_path, {name: value for name, value in NEEDED.items() if name != missing})
    assert done.returncode != 0
    assert missing in done.stderr


def test_commands_and_variables_exist(compose: dict[str, Any]) -> None:
    known = set(re.findall(r"^([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    of_deploy = {"SITE_NAME", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "STREAM_URL", "REQUIREMENTS"}
    example = set(re.findall(r"^(?:# )?([A-Z0-9_]+)=", (DEPLOY / "site.env.example").read_text(), re.MULTILINE))
    assert example - of_deploy <= known
    for name in ("migrate", "web", "stream", "feed", "warm"):
        service = compose["services"][name]
        assert set(service["environment"]) - of_deploy <= known
        command = service.get("command") or []
        if "manage.py" in command:
            assert command[command.index("manage.py") + 1] in get_commands()


# --- the image ---------------------------------------------------------------------------------------------


def test_the_image_is_pinned_runs_as_nobody_special_and_says_whether_it_is_well() -> None:
    assert re.fullmatch(r"PYTHON=python:\d+\.\d+\.\d+-slim-\w+", arguments_of("ARG")[0])
    names = [name for name, _ in dockerfile()]
    assert names.index("USER") < names.index("CMD")
    assert arguments_of("USER") == ["tradingsite"]
    assert "/livez" in arguments_of("HEALTHCHECK")[0]
    assert any("--require-hashes" in step and "--only-binary :all:" in step for step in arguments_of("RUN"))


def test_the_image_holds_every_app_and_nothing_else() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    kept = {line.removeprefix("!") for line in rules if line.startswith("!")}
    assert kept == OWN_APPS | {"manage.py", "CHANGELOG.md", "requirements.txt", "requirements-otel.txt"}
    compiled = next(step for step in arguments_of("RUN") if "compileall" in step)
    assert set(compiled.split("-q ")[1].split()) == OWN_APPS


@only_linux
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_images_steps_run_and_its_command_serves_the_site(tmp_path: Path) -> None:
    """In a folder in place of a root: what needs root or Debian's packages is left out."""
    app, port = tmp_path / "app", free_port()
    app.mkdir()
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "python3").symlink_to(Path(sys.executable).resolve())
    shutil.copy(ROOT / "requirements.txt", app)
    path = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(tmp_path), "REQUIREMENTS": "requirements.txt"}
    steps = [step for step in arguments_of("RUN") if not step.startswith(("useradd", "apt-get"))]
    for step in steps:
        if "compileall" in step:
            for name in (*OWN_APPS, "manage.py", "CHANGELOG.md"):
                (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, app / name)
        done = subprocess.run(
            ["sh", "-ec", step], cwd=app, env=path, capture_output=True, text=True, timeout=500, check=False
        )
        assert done.returncode == 0, f"{step}: {done.stderr}"
    environment = {
        **path,
        "PATH": f"{app}/.venv/bin:{os.environ['PATH']}",
        "DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "DJANGO_SECRET_KEY": "x" * 60,
        "DJANGO_HTTPS": "true",
        "DJANGO_ALLOWED_HOSTS": "site.example",
    }
    subprocess.run(["python", "manage.py", "migrate", "-v", "0"], cwd=app, env=environment, timeout=120, check=True)
    command = [
        part.replace("8000", str(port)).replace("0.0.0.0", "127.0.0.1") for part in json.loads(arguments_of("CMD")[0])
    ]
    health = json.loads(arguments_of("HEALTHCHECK")[0].partition("CMD ")[2].replace("8000", str(port)))
    command[0] = str(app / ".venv" / "bin" / command[0])
    with Program(command, log=tmp_path / "log", cwd=app, environment=environment) as site:
        site.wait_until(
            lambda: subprocess.run(health, env=environment, capture_output=True, check=False).returncode == 0
        )
        eventually(lambda: requests.get(f"http://127.0.0.1:{port}/readyz", timeout=10).text == "ready\n")


# --- units and Caddy ---------------------------------------------------------------------------------------


@only_linux
def test_the_units_are_accepted_by_systemd(tmp_path: Path) -> None:
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/tradingsite", str(ROOT)))
    done = subprocess.run(
        [program("systemd-analyze"), "verify", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_unit_runs_as_the_sites_user_and_its_command_exists() -> None:
    for unit in UNITS:
        if unit.suffix != ".service":
            continue
        text = unit.read_text()
        assert "\nUser=tradingsite\n" in text
        assert "\nNoNewPrivileges=true\n" in text
        for command in re.findall(r"manage\.py (\w+)", text):
            assert command in get_commands()


def test_web_is_served_alike_by_image_and_unit() -> None:
    """The limits of what a connection may cost are those of runsite."""
    image = json.loads(arguments_of("CMD")[0])
    unit = (DEPLOY / "systemd" / "tradingsite-web.service").read_text()
    limits = " ".join(settings.GRANIAN_LIMITS)
    assert limits in " ".join(image)
    assert limits in unit


def test_the_caddyfile_is_accepted(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            caddy.EXECUTABLE or leave_out("caddy is not installed"),
            *("validate", "--config", str(caddy.SHIPPED), "--adapter", "caddyfile"),
        ],
        env=caddy.environment(tmp_path, site="site.example", web="web:8000", stream="stream:8001"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Valid configuration" in done.stdout + done.stderr, done.stderr
