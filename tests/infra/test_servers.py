"""The servers that the other tests rely on."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from tests.support.programs import leave_out, program
from tests.support.waiting import eventually
from testservers import postgres, redis_server
from testservers.ports import free_port
from testservers.postgres import PostgresServer, PostgresUnavailable, acquire_postgres, find_programs
from testservers.processes import is_running
from testservers.redis_server import RedisServer

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as started:
        yield started


def client(server: RedisServer) -> redis.Redis:
    return redis.Redis.from_url(server.url, decode_responses=True, socket_timeout=0.2)


def put(server: RedisServer, value: str) -> None:
    with client(server) as connection:
        connection.set("key", value)


def get(server: RedisServer) -> object:
    with client(server) as connection:
        return connection.get("key")


def test_a_redis_server_answers_as_soon_as_it_is_there(server: RedisServer) -> None:
    put(server, "value")
    assert get(server) == "value"
    assert server.url == f"redis://127.0.0.1:{server.port}/0"


def test_a_redis_server_keeps_nothing_on_disk_unless_asked_to(server: RedisServer, tmp_path: Path) -> None:
    with client(server) as connection:
        assert connection.config_get("save") == {"save": ""}
    with RedisServer(tmp_path / "other", "--appendonly", "yes") as other, client(other) as connection:
        assert connection.config_get("appendonly") == {"appendonly": "yes"}


def test_two_redis_servers_do_not_share_anything(server: RedisServer, tmp_path: Path) -> None:
    with RedisServer(tmp_path / "other") as other:
        put(server, "mine")
        assert get(other) is None
        assert other.port != server.port


def test_a_killed_redis_server_refuses_connections_and_comes_back_empty(server: RedisServer) -> None:
    put(server, "lost")
    port = server.port
    server.kill()
    with pytest.raises(redis.ConnectionError):
        get(server)
    server.restart()
    assert server.port == port
    assert get(server) is None


def test_a_paused_redis_server_accepts_connections_and_says_nothing(server: RedisServer) -> None:
    put(server, "value")
    server.pause()
    with socket.create_connection(("127.0.0.1", server.port), timeout=1):
        pass
    with pytest.raises(redis.TimeoutError):
        get(server)
    server.resume()
    assert get(server) == "value"


def test_a_restarted_redis_server_has_its_data_and_another_process(server: RedisServer) -> None:
    put(server, "kept")
    before = server.pid
    server.restart()
    assert get(server) == "kept"
    assert server.pid != before


def test_a_paused_redis_server_can_be_restarted(server: RedisServer) -> None:
    put(server, "kept")
    server.pause()
    server.restart()
    assert get(server) == "kept"


def test_a_redis_server_restarted_empty_is_empty(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "redis", "--appendonly", "yes") as server:
        put(server, "lost")
        server.restart(empty=True)
        assert get(server) is None


def test_a_stopped_redis_server_leaves_no_process_even_when_paused(server: RedisServer) -> None:
    server.pause()
    server.stop()
    assert not is_running(server.pid)


def test_a_port_that_was_taken_meanwhile_is_not_used(
    server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = iter([server.port, server.port, free_port()])
    monkeypatch.setattr(redis_server, "free_port", lambda: next(ports))
    with RedisServer(tmp_path / "other") as other:
        assert other.port != server.port


def test_a_redis_server_that_does_not_start_shows_its_log(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no-such-flag"):
        RedisServer(tmp_path / "redis", "--no-such-flag", "1")


def run_and_kill(code: str, *arguments: str) -> tuple[int, Path]:
    """Runs code that makes a `server`, and kills it: nothing of its own gets to run any more."""
    code += "; print(server.pid, server.directory, flush=True)"
    command = [sys.executable, "-c", f"import sys; {code}; sys.stdin.read()", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        pid, directory = run.stdout.readline().split()
        assert is_running(int(pid))
        run.kill()
    return int(pid), Path(directory)


only_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")


@only_linux
def test_a_redis_server_ends_with_a_run_that_is_killed(tmp_path: Path) -> None:
    pid, _ = run_and_kill(
        "from pathlib import Path; from testservers.redis_server import RedisServer; "
        "server = RedisServer(Path(sys.argv[1]))",
        str(tmp_path / "redis"),
    )
    eventually(lambda: not is_running(pid))


@pytest.fixture(scope="module")
def own() -> Iterator[PostgresServer]:
    try:
        started = PostgresServer()
    except PostgresUnavailable as error:
        leave_out(str(error))
    with started:
        yield started


def test_a_postgres_of_our_own_makes_databases(own: PostgresServer) -> None:
    with psycopg.connect(f"{own.url}/postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE made_by_a_test")
    with psycopg.connect(f"{own.url}/made_by_a_test") as connection:
        encoding = connection.execute("SHOW server_encoding").fetchone()
    assert encoding == ("UTF8",)


def test_a_postgres_of_our_own_does_not_run_as_root(own: PostgresServer) -> None:
    assert own.pid
    if Path("/proc/self").exists():
        assert Path(f"/proc/{own.pid}").stat().st_uid != 0


@only_linux
def test_a_postgres_ends_with_a_run_that_is_killed(own: PostgresServer) -> None:
    pid, directory = run_and_kill("from testservers.postgres import PostgresServer; server = PostgresServer()")
    eventually(lambda: not is_running(pid))
    shutil.rmtree(directory)


def test_a_url_that_is_given_is_the_one_to_use(own: PostgresServer) -> None:
    given = f"{own.url}/some_name"
    assert acquire_postgres({"TEST_DATABASE_URL": given}).url == given


def test_a_url_that_nobody_answers_at_is_an_error() -> None:
    with pytest.raises(PostgresUnavailable, match="TEST_DATABASE_URL"):
        acquire_postgres({"TEST_DATABASE_URL": f"postgres://postgres@127.0.0.1:{free_port()}/some_name"})


def test_one_is_started_for_the_run_and_nothing_of_it_is_left_after_it() -> None:
    with postgres.postgres_for_run({}) as found:
        assert found.own
        assert found.url
        assert found.url.startswith(found.own.url)
        assert postgres.answers(found.url)
        pid = found.own.pid
        assert pid
        connection = psycopg.connect(f"{found.own.url}/postgres")  # a forgotten one does not hold it up
    connection.close()
    assert not is_running(pid)
    assert not found.own.directory.exists()


@pytest.fixture
def no_postgres(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(postgres, "LOCAL_SERVER", f"postgres://postgres@127.0.0.1:{free_port()}")
    monkeypatch.setattr(postgres, "DEBIAN_PROGRAMS", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("no_postgres")
def test_where_none_can_be_started_the_local_server_is_used(
    own: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "LOCAL_SERVER", own.url)
    found = acquire_postgres({})
    assert found.own is None
    assert found.url == f"{own.url}/tradingsite_{os.getpid()}"


@pytest.mark.usefixtures("no_postgres")
def test_without_any_postgres_there_is_a_reason() -> None:
    found = acquire_postgres({})
    assert found.url is None
    assert "initdb is neither on the PATH" in found.reason


@pytest.mark.usefixtures("no_postgres")
def test_in_ci_the_absence_of_postgres_is_an_error() -> None:
    with pytest.raises(PostgresUnavailable, match="initdb"):
        acquire_postgres({"CI": "true"})


def test_the_newest_of_debians_versions_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ("9.6", "15", "16"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "initdb").touch()
    monkeypatch.setattr(postgres, "DEBIAN_PROGRAMS", str(tmp_path))
    assert find_programs() == tmp_path / "16" / "bin"


def test_a_program_that_is_missing_leaves_a_test_out_but_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "")
    with pytest.raises(pytest.skip.Exception, match="no-such-program is not installed"):
        program("no-such-program")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="has to be"):
        program("no-such-program")
