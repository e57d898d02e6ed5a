"""A redis-server for tests, which can be killed, hung and brought back on the same port."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from testservers.ports import free_port
from testservers.stopping import StopsAtExit
from tradingsite.embedded_redis import die_with_parent, find_server

NOTHING_ON_DISK = ("--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0")
START_TIMEOUT = 20.0
POLL_INTERVAL = 0.01
PORTS_TO_TRY = 5


class PortTaken(Exception):
    pass


class RedisServer(StopsAtExit):
    """Starts at once. Start it from the main thread: it ends with the thread that started it.

    TEST_REDIS_SERVER names the program to test with, a redis-server or valkey-server; unset: what `make run` would use.
    `flags` replace NOTHING_ON_DISK; `directory` is the server's own, restart(empty=True) removes what is in it.
    """

    def __init__(self, directory: Path, *flags: str, binary: Path | None = None) -> None:
        self.directory = directory
        self._flags = flags or NOTHING_ON_DISK
        self._binary = binary or Path(os.environ.get("TEST_REDIS_SERVER") or find_server().path)
        self._data = directory / "data"
        self._data.mkdir(parents=True)
        self._start_on_a_free_port()

    @property
    def url(self) -> str:
        """The address that the site is given."""
        return self.own_url

    @property
    def own_url(self) -> str:
        """The server's own address, where everything is permitted."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL: what was not on the disk is lost, clients see their connections reset."""
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """SIGSTOP: connections are still accepted, by the kernel, and nothing answers."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def restart(self, *, empty: bool = False) -> None:
        """On the same port; with the data it had, unless it was killed before or `empty` is asked for."""
        self._save_and_stop()
        if empty:
            shutil.rmtree(self._data)
            self._data.mkdir()
        self._start()

    def stop(self) -> None:
        """Nothing is kept, and a paused server ends too."""
        self.kill()

    def _save_and_stop(self) -> None:
        if self._process.poll() is not None:
            return
        self.resume()
        self._ask("SHUTDOWN SAVE")
        self._process.wait(START_TIMEOUT)

    def _start_on_a_free_port(self) -> None:
        for _ in range(PORTS_TO_TRY):
            self.port = free_port()
            try:
                return self._start()
            except PortTaken:
                continue
        raise RuntimeError(f"{PORTS_TO_TRY} free ports were taken by others before Redis had them")

    def _start(self) -> None:
        private = ("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self._data))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [self._binary, *private, "--daemonize", "no", *self._flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )
        try:
            self._wait_until_it_answers()
        except BaseException:  # also KeyboardInterrupt: nobody else would stop it
            self.kill()
            raise

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while self._process.poll() is None:
            if self._ask("PING").startswith("+PONG") and self._is_ours():
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"redis-server did not answer in {START_TIMEOUT:g} s: {self.log()}")
            time.sleep(POLL_INTERVAL)
        if "in use" in self.log():
            raise PortTaken(self.port)
        raise RuntimeError(f"redis-server ended at its start: {self.log()}")

    def _is_ours(self) -> bool:
        return f"process_id:{self.pid}\r" in self._ask("INFO server")

    def _ask(self, command: str) -> str:
        """One inline command; an empty answer when there is none."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"{command}\r\n".encode())
                return connection.recv(65_536).decode()
        except OSError:
            return ""

    @property
    def _log(self) -> Path:
        return self.directory / "redis.log"

    def log(self) -> str:
        return self._log.read_text(errors="replace")
