"""A TCP proxy before Redis: a hook may stop Redis before a request, hold the request back, or lose its answer."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self


class RedisProxy:
    """Listens on a port of its own and passes everything on, both ways.

    The first request that contains a pattern given to `intercept` calls the hook before it is passed on; with
    `lose_answer` Redis gets the request and the caller's connection is cut before the answer. While `mutes_messages`
    is set, connections that have subscribed stay open and receive nothing. Requests that contain one of the words in
    `refused` are answered with the error `refusal`, as managed services do with what they do not offer. While
    `holds_requests` or `holds_answers` is set nothing comes through in that direction, as in a network that is parted;
    later it does.
    """

    def __init__(self, port: int) -> None:
        self._behind = port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self._pattern: bytes | None = None
        self._hook: Callable[[], object] = lambda: None
        self._lose_answer = False
        self._switches = 0
        self._clients: set[socket.socket] = set()
        self.refused: tuple[bytes, ...] = ()
        self.refusal = "ERR this service does not offer it"
        self.holds_requests, self.holds_answers = threading.Event(), threading.Event()
        self.intercepted = threading.Event()
        self.mutes_messages = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def repoint(self, port: int) -> None:
        """New connections reach another server; those that are open stay where they are."""
        self._behind = port

    def switch(self, port: int) -> None:
        """Open connections go on with another server, as after a failover behind a proxy that keeps its clients."""
        self._behind = port
        self._switches += 1

    def cut(self) -> None:
        """Close all open connections."""
        for client in list(self._clients):
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Accept no further connections."""
        self._listener.close()

    def intercept(self, pattern: bytes, hook: Callable[[], object], *, lose_answer: bool = False) -> None:
        self.intercepted.clear()
        self._hook, self._lose_answer = hook, lose_answer
        self._pattern = pattern

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._clients.add(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            lost, listens, switches = threading.Event(), threading.Event(), -1
            while request := client.recv(1_000_000):
                if switches != self._switches:
                    switches = self._switches
                    server = self._connect(client, lost, listens)
                self._wait_while(self.holds_requests)
                if any(word in request for word in self.refused):
                    client.sendall(f"-{self.refusal}\r\n".encode())
                    continue
                if b"SUBSCRIBE" in request:
                    listens.set()
                if self._pattern and self._pattern in request:
                    self._pattern = None
                    if self._lose_answer:
                        lost.set()
                    self._hook()
                    self.intercepted.set()
                server.sendall(request)
            server.shutdown(socket.SHUT_RDWR)
        self._clients.discard(client)

    @staticmethod
    def _wait_while(held: threading.Event) -> None:
        while held.is_set():
            time.sleep(0.01)

    def _connect(self, client: socket.socket, lost: threading.Event, listens: threading.Event) -> socket.socket:
        server = socket.create_connection(("127.0.0.1", self._behind))
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        arguments = (server, client, lost, listens, self._switches)
        threading.Thread(target=self._answers, args=arguments, daemon=True).start()
        return server

    def _answers(
        self,
        server: socket.socket,
        client: socket.socket,
        lost: threading.Event,
        listens: threading.Event,
        switches: int,
    ) -> None:
        with server, suppress(OSError):
            while (answer := server.recv(1_000_000)) and not lost.is_set() and switches == self._switches:
                self._wait_while(self.holds_answers)
                if not (listens.is_set() and self.mutes_messages.is_set()):
                    client.sendall(answer)
        if switches == self._switches:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
