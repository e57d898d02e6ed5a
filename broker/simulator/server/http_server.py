"""HTTP/1.1 with the standard library's threading server."""

import logging
import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from threading import Lock
from typing import Any

from broker.simulator.wire import Answer, Delivery, Request, http_error

Application = Callable[[Request], Answer]

MAX_BODY_SIZE = 1_000_000
logger = logging.getLogger(__name__)


class Server(ThreadingMixIn, TCPServer):
    """Runs a thread per connection; closing the server closes the open connections."""

    daemon_threads = True
    allow_reuse_address = True
    # Large enough that many concurrent callers are not reset by the kernel.
    request_queue_size = 1024

    def __init__(self, address: tuple[str, int], application: Application) -> None:
        self.application = application
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(address, RequestHandler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        with self._lock:
            for connection in self._open:
                _close(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log clients that disconnect early, without a traceback on the operator's screen."""
        logger.debug("connection of %s failed", client_address, exc_info=True)


class RequestHandler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "IIFL-simulator"
    sys_version = ""
    # Send an answer as soon as it is complete: Nagle's algorithm would add 40 ms.
    disable_nagle_algorithm = True
    # Buffered, so that headers and body are sent together.
    wbufsize = 64 * 1024

    def handle_call(self) -> None:
        body = self._body()
        self._deliver(
            http_error(400, "The body's length is missing or too large.") if body is None else self._answer(body)
        )

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_call  # noqa: N815 - http.server calls these names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server names the argument so
        """Log nothing: the simulator has its own log of calls."""

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if (
            not (length.isascii() and length.isdigit())
            or int(length) > MAX_BODY_SIZE
            or "Transfer-Encoding" in self.headers
        ):
            # The rest of this connection cannot be distinguished from the body.
            self.close_connection = True
            return None
        return self.rfile.read(int(length))

    def _answer(self, body: bytes) -> Answer:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        bearer = token.strip() if scheme.lower() == "bearer" else ""
        path = self.path.partition("?")[0]
        try:
            return self.server.application(Request(self.command, path, body, bearer, self.client_address[0]))
        except Exception:  # a bug in a handler is answered: a connection that ends would look like a failure on demand
            logger.exception("simulator: %s %s failed", self.command, path)
            return http_error(500, "The simulator failed; see its log.")

    def _deliver(self, answer: Answer) -> None:
        if answer.delivery in (Delivery.DROPPED, Delivery.HUNG):
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if answer.delivery is Delivery.TRUNCATED:
            self.close_connection = True
        self.end_headers()
        whole = answer.delivery is Delivery.WHOLE
        self.wfile.write(answer.body if whole else answer.body[: len(answer.body) // 2])


def _close(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        logger.debug("simulator: a connection was already closed")
