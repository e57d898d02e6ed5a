"""PostgreSQL for tests: one of our own for the run, else the one that is there."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

import psycopg

from testservers.ports import free_port
from testservers.stopping import StopsAtExit
from tradingsite.embedded_redis import die_with_parent

LOCAL_SERVER = "postgres://postgres@127.0.0.1:5432"
DEBIAN_PROGRAMS = "/usr/lib/postgresql"
# Nothing here has to survive a crash of the machine.
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=64MB")
START_TIMEOUT = 60.0
STOP_TIMEOUT = 10.0
POLL_INTERVAL = 0.05
PORTS_TO_TRY = 5


class PostgresUnavailable(Exception):
    """Its text is the reason, a sentence."""


class PostgresServer(StopsAtExit):
    """A throw-away cluster. Starts at once, in a new folder of its own under the system's temporary folder.

    Both its programs refuse to run as root, so root runs them as another user.
    Start it from the main thread: it ends with the thread that started it. `network`: who else is let in.
    """

    def __init__(self, *, address: str = "127.0.0.1", network: str = "") -> None:
        self._address, self._network = address, network
        self._programs = find_programs()
        self._user = user_to_run_as()
        # Not under pytest's tmp_path: the other user may not enter that.
        self.directory = Path(tempfile.mkdtemp(prefix="test-postgres-"))
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._make_cluster()
            self._start_on_a_free_port()
        except BaseException:  # also KeyboardInterrupt: nobody else would stop it
            self.stop()
            raise

    @property
    def url(self) -> str:
        """Of the server, without a database."""
        return f"postgres://postgres@{self._address}:{self.port}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def stop(self) -> None:
        if self._process:
            self._process.send_signal(signal.SIGINT)  # "fast": closes connections, waits for nobody
            try:
                self._process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        shutil.rmtree(self.directory, ignore_errors=True)

    def _make_cluster(self) -> None:
        if self._user:
            shutil.chown(self.directory, self._user)
        options = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
        self._process = self._start_program("initdb", f"--pgdata={self._data}", *options)
        if self._process.wait(START_TIMEOUT):
            raise PostgresUnavailable(f"initdb failed: {self.log()}")
        if self._network:
            with (self._data / "pg_hba.conf").open("a") as file:
                file.write(f"host all all {self._network} trust\n")

    def _start_on_a_free_port(self) -> None:
        for _ in range(PORTS_TO_TRY):
            self.port = free_port()
            if self._comes_up():
                return
        raise PostgresUnavailable(f"postgres does not start: {self.log()}")

    def _comes_up(self) -> bool:
        """False when the server ended by itself."""
        settings = (*FAST, f"listen_addresses={self._address}", f"port={self.port}", "unix_socket_directories=")
        self._process = self._start_program("postgres", "-D", str(self._data), *(f"-c{s}" for s in settings))
        deadline = time.monotonic() + START_TIMEOUT
        while self._process.poll() is None:
            # The server writes its file when it has the port, which might else be somebody else's.
            if self._is_ready() and answers(self.url):
                return True
            if time.monotonic() > deadline:
                raise PostgresUnavailable(f"postgres did not answer in {START_TIMEOUT:g} s: {self.log()}")
            time.sleep(POLL_INTERVAL)
        return False

    def _is_ready(self) -> bool:
        with contextlib.suppress(OSError):
            return "ready" in (self._data / "postmaster.pid").read_text()
        return False

    def _start_program(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [self._programs / name, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env={"PATH": os.defpath, "LC_ALL": "C"},  # a PGPORT or PGDATA of the caller's would interfere
                user=self._user,
                group=pwd.getpwnam(self._user).pw_gid if self._user else None,
                extra_groups=[] if self._user else None,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGQUIT),
            )

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @property
    def _log(self) -> Path:
        return self.directory / "postgres.log"

    def log(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]


@dataclass(frozen=True)
class FoundPostgres:
    """`url` is for DATABASE_URL: it names a database that need not exist. None: there is none, for `reason`."""

    url: str | None
    reason: str
    own: PostgresServer | None = None

    def stop(self) -> None:
        if self.own:
            self.own.stop()


def acquire_postgres(environ: Mapping[str, str] = os.environ) -> FoundPostgres:
    """TEST_DATABASE_URL, else a quick one of our own, else the local server; call stop() at the end of the run.

    Under pytest-xdist call it in the controller and hand the URL to the workers as TEST_DATABASE_URL.
    With CI=true the absence of PostgreSQL is an error, and so is, always, a TEST_DATABASE_URL without a server.
    """
    if given := environ.get("TEST_DATABASE_URL"):
        if not answers(given):
            raise PostgresUnavailable("No PostgreSQL answers at TEST_DATABASE_URL.")
        return FoundPostgres(given, "TEST_DATABASE_URL")
    try:
        own = PostgresServer()
    except PostgresUnavailable as error:
        if answers(LOCAL_SERVER):
            return FoundPostgres(f"{LOCAL_SERVER}/{_database_name()}", "the local server")
        if environ.get("CI") == "true":
            raise
        return FoundPostgres(None, str(error))
    return FoundPostgres(f"{own.url}/{_database_name()}", "a server of our own", own)


@contextlib.contextmanager
def postgres_for_run(environ: Mapping[str, str] = os.environ) -> Iterator[FoundPostgres]:
    found = acquire_postgres(environ)
    try:
        yield found
    finally:
        found.stop()


def answers(url: str) -> bool:
    """Whether a server is there that lets us in and lets us make databases."""
    question = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
    try:
        with psycopg.connect(url, dbname="postgres", connect_timeout=2) as connection:
            row = connection.execute(question).fetchone()
    except psycopg.Error:
        return False
    return bool(row and row[0])


def find_programs() -> Path:
    """The folder with initdb and postgres: the newest of Debian's, which are not on the PATH, else the PATH's."""
    versions = [path.parent.parent for path in Path(DEBIAN_PROGRAMS).glob("*/bin/initdb")]
    if versions:
        return max(versions, key=lambda path: float(path.name)) / "bin"
    if initdb := shutil.which("initdb"):
        return Path(initdb).resolve().parent
    raise PostgresUnavailable("PostgreSQL's initdb is neither on the PATH nor under /usr/lib/postgresql.")


def user_to_run_as() -> str | None:
    """None: as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise PostgresUnavailable("PostgreSQL refuses to run as root, and there is no other user to run it as.")


def _database_name() -> str:
    # Two runs on one server must not drop each other's databases.
    return f"tradingsite_{os.getpid()}"


@contextlib.contextmanager
def own_database(server: str, name: str) -> Iterator[str]:
    """The address of a new database on a server (`postgres://…:5432`), dropped afterwards; named after `name`."""
    name = f"{name}_{os.getpid()}_{SystemRandom().randrange(10**6)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield f"{server}/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
