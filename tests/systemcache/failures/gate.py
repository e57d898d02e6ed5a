"""A gate before Redis: every request passes a hook, which may stop Redis, hold the request back, or lose its answer."""

import hashlib
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from systemcache import scripts


def of_script(script: str) -> bytes:
    """What a call of a script is known by."""
    return hashlib.sha1(script.encode()).hexdigest().encode()  # noqa: S324 - Redis's name for it


POINTS = {
    "read": b"MGET",
    "acquire": of_script(scripts.ACQUIRE),
    "store": of_script(scripts.STORE),
    "abandon": of_script(scripts.ABANDON),
    "wait": b"BLMOVE",
    "drop": b"UNLINK",
    "scan": b"SCAN",
    "add": of_script(scripts.ADD),
}


class Gate:
    """Listens on a port of its own and passes everything on, both ways, until a hook is set.

    A request that holds `point` calls `hook` once, before it is passed on; with `lose_answer` Redis gets the request
    and the caller's connection is cut before the answer. While `deaf` is set, connections that have subscribed hear
    nothing, and nobody tells them.
    """

    def __init__(self, port: int) -> None:
        self._behind = port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self._point: bytes | None = None
        self._hook: Callable[[], object] = lambda: None
        self._lose_answer = False
        self.passed = threading.Event()
        self.deaf = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def at(self, point: str, hook: Callable[[], object], *, lose_answer: bool = False) -> None:
        self.passed.clear()
        self._hook, self._lose_answer = hook, lose_answer
        self._point = POINTS[point]

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self._behind)) as server:
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            lost, listens = threading.Event(), threading.Event()
            threading.Thread(target=self._answers, args=(server, client, lost, listens), daemon=True).start()
            while request := client.recv(1_000_000):
                if b"SUBSCRIBE" in request:
                    listens.set()
                if self._point and self._point in request:
                    self._point = None
                    if self._lose_answer:
                        lost.set()
                    self._hook()
                    self.passed.set()
                server.sendall(request)
            server.shutdown(socket.SHUT_RDWR)

    def _answers(
        self, server: socket.socket, client: socket.socket, lost: threading.Event, listens: threading.Event
    ) -> None:
        with suppress(OSError):
            while (answer := server.recv(1_000_000)) and not lost.is_set():
                if not (listens.is_set() and self.deaf.is_set()):
                    client.sendall(answer)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
