"""The compose file says what is promised, docker-compose accepts it, Redis accepts its flags."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis import AuthenticationError, Redis

from tests.support.programs import program
from tests.support.waiting import eventually
from testservers.redis_server import RedisServer

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.infra.yml"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(FILE.read_text())["services"]
    return found


@pytest.mark.parametrize(
    ("service", "image", "memory", "cpus"),
    [("redis", "redis:7-alpine", "128m", 0.25), ("postgres", "postgres:15-alpine", "256m", 0.5)],
)
def test_images_and_limits(services: dict[str, Any], service: str, image: str, memory: str, cpus: float) -> None:
    declared = services[service]
    assert (declared["image"], declared["mem_limit"], declared["cpus"]) == (image, memory, cpus)
    assert declared["restart"] == "unless-stopped"
    assert declared["healthcheck"]["test"]


@pytest.mark.parametrize(("service", "port"), [("redis", 6379), ("postgres", 5432)])
def test_ports_are_open_on_loopback_only_unless_asked_for(services: dict[str, Any], service: str, port: int) -> None:
    [published] = services[service]["ports"]
    assert published.startswith("${INFRA_BIND:-127.0.0.1}:")
    assert published.endswith(f":-{port}}}:{port}")


def test_data_is_kept_in_named_volumes(services: dict[str, Any]) -> None:
    volumes = yaml.safe_load(FILE.read_text())["volumes"]
    assert services["redis"]["volumes"] == ["redis-data:/data"]
    assert services["postgres"]["volumes"] == ["postgres-data:/var/lib/postgresql/data"]
    assert set(volumes) == {"redis-data", "postgres-data"}


def test_no_password_is_written_down(services: dict[str, Any]) -> None:
    assert services["postgres"]["environment"]["POSTGRES_PASSWORD"] == "${POSTGRES_PASSWORD:-}"
    assert services["redis"]["environment"]["REDIS_PASSWORD"] == "${REDIS_PASSWORD:-}"


@pytest.fixture
def in_the_container(services: dict[str, Any], tmp_path: Path) -> Callable[[str], subprocess.Popen[bytes]]:
    """Runs the entry point as the container does, with a stand-in for the script of the image."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    stand_in = bin_ / "docker-entrypoint.sh"
    stand_in.write_text('#!/bin/sh\nexec "$@"\n')
    stand_in.chmod(0o755)
    (bin_ / "redis-server").symlink_to(program("redis-server"))
    entry = [part.replace("$$", "$") for part in services["redis"]["entrypoint"]]

    def run(password: str) -> subprocess.Popen[bytes]:
        environment = {"PATH": f"{bin_}:{os.environ['PATH']}", "REDIS_PASSWORD": password}
        command = [*entry, "redis-server", "--port", "0", "--unixsocket", str(tmp_path / "socket"), "--save", ""]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=tmp_path
        )

    return run


@pytest.mark.slow
def test_redis_wants_the_password_which_no_command_line_shows(
    in_the_container: Callable[[str], subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    socket_ = tmp_path / "socket"
    with in_the_container("a-password-of-the-test") as server:
        try:
            eventually(socket_.exists)
            with Redis(unix_socket_path=str(socket_)) as stranger, pytest.raises(AuthenticationError):
                stranger.ping()
            with Redis(unix_socket_path=str(socket_), password="a-password-of-the-test") as site:
                assert site.ping()
            line = Path(f"/proc/{server.pid}/cmdline").read_bytes()
            assert b"redis-server" in line
            assert b"a-password" not in line
        finally:
            server.terminate()
        assert server.wait(10) == 0  # Redis itself takes the signal, and ends in order


def test_redis_does_not_start_without_a_password(
    in_the_container: Callable[[str], subprocess.Popen[bytes]],
) -> None:
    with in_the_container("") as server:
        _, errors = server.communicate(timeout=10)
    assert server.returncode != 0
    assert b"start-infra.sh makes a password" in errors


def test_redis_is_asked_with_the_password_whether_it_is_healthy(services: dict[str, Any]) -> None:
    assert "REDIS_PASSWORD" in services["redis"]["healthcheck"]["test"][1]


def compose() -> list[str]:
    if docker := shutil.which("docker"):
        plugin = subprocess.run([docker, "compose", "version"], capture_output=True, check=False)
        if plugin.returncode == 0:
            return [docker, "compose"]
    return [program("docker-compose")]


def test_docker_compose_accepts_the_file() -> None:
    environment = os.environ | {"POSTGRES_PASSWORD": "secret", "REDIS_PORT": "16379"}
    command = [*compose(), "-f", str(FILE), "config"]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stderr
    resolved = yaml.safe_load(run.stdout)["services"]
    assert resolved["postgres"]["environment"]["POSTGRES_PASSWORD"] == "secret"
    assert "16379" in str(resolved["redis"]["ports"])


def test_redis_runs_with_exactly_the_flags_of_the_file(services: dict[str, Any], tmp_path: Path) -> None:
    executable, *flags = services["redis"]["command"]
    assert executable == "redis-server"
    with RedisServer(tmp_path / "redis", *flags) as server:
        assert config(server) == {
            "maxmemory": "104857600",
            "maxmemory-policy": "allkeys-lru",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
        }


def config(server: RedisServer) -> dict[str, str]:
    names = ("maxmemory", "maxmemory-policy", "appendonly", "appendfsync", "save")
    return {name: config_get(server.port, name) for name in names}


def config_get(port: int, name: str) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(f"CONFIG GET {name}\r\n".encode())
        # *2, $length, the name, $length, the value
        return connection.recv(4096).decode().split("\r\n")[4]
