"""Redis as a managed service offers it: TLS, a user with few rights, and commands that it refuses."""

import re
import select
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path

from testservers.certificates import Certificates
from testservers.project import ROOT
from testservers.redis_proxy import RedisProxy
from testservers.redis_server import NOTHING_ON_DISK, RedisServer

REFUSED = (b"REDIRECT", b"CONFIG", b"OBJECT")
USER, PASSWORD = "site", "password"


def smallest_rights() -> list[str]:
    """Of Redis's user, as the operator's page gives them, with the password `password`."""
    page = (ROOT / "docs" / "operations.md").read_text()
    (command,) = re.findall(rf"^ACL SETUSER {USER} (.*?)^```", page, re.MULTILINE | re.DOTALL)
    return ["reset", *command.split()]


class ManagedRedis(RedisServer):
    """`url` is the service's: clients reach the server by TLS alone, and as its one user."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, *NOTHING_ON_DISK, "--user", USER, *smallest_rights())
        self._certificates = Certificates(directory / "certificates")
        self._proxy = RedisProxy(self.port)
        self._proxy.refused = REFUSED
        self._front = _TLSFront(self._proxy.port, self._certificates)

    @property
    def url(self) -> str:
        return f"rediss://{USER}:{PASSWORD}@127.0.0.1:{self._front.port}/0?ssl_ca_certs={self._certificates.ca}"

    def stop(self) -> None:
        self._front.close()
        self._proxy.close()
        super().stop()


class _TLSFront:
    """Ends TLS before a server that has none."""

    def __init__(self, behind: int, certificates: Certificates) -> None:
        self._behind = behind
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificates.certificate, certificates.key)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """Both directions in one thread, because two may not use one TLS connection at the same time."""
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with (
            suppress(OSError),
            self._context.wrap_socket(client, server_side=True) as tls,
            socket.create_connection(("127.0.0.1", self._behind)) as server,
        ):
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            to: dict[socket.socket, socket.socket] = {tls: server, server: tls}
            while True:
                for end in [tls] if tls.pending() else select.select([tls, server], [], [])[0]:
                    data = end.recv(65_536)
                    if not data:
                        return
                    to[end].sendall(data)
