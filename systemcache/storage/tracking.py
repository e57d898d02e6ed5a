"""The connection on which Redis pushes invalidation messages (CLIENT TRACKING with BCAST)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from redis import RedisError, ResponseError

from systemcache.errors import StoreUnavailable
from systemcache.storage import connection

R = TypeVar("R")

CHANNEL = "__redis__:invalidate"


@dataclass(frozen=True, slots=True)
class TrackingMessage:
    """Keys that have changed; or `everything` has (FLUSHDB); or the reply to a ping."""

    keys: Sequence[str] = ()
    everything: bool = False
    is_pong: bool = False


class TrackingRefused(StoreUnavailable):
    """The server, or a proxy before it, refuses tracking. `words`: its error message."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class TrackingConnection:
    """A connection that receives every change of keys with these prefixes.

    Messages come as those of a subscription, to which the tracking is redirected; where REDIRECT is refused, as it is
    by some managed services, as push messages of RESP3.

    Its methods raise StoreUnavailable when the connection is lost; from then on nothing is known of any key. Making it
    raises TrackingRefused where neither way is open.
    """

    def __init__(self, prefixes: Sequence[str]) -> None:
        self._options = [word for prefix in prefixes for word in ("PREFIX", prefix)]
        self._pushed = False
        self._connection = connection.dedicated_connection()
        try:
            self._translate_errors(self._subscribe)
        except TrackingRefused as refused:
            self._pushed = True
            self._connection = connection.dedicated_connection(protocol=3)
            try:
                self._translate_errors(self._ask_for_pushes)
            except TrackingRefused as also:
                raise TrackingRefused(f"{refused.words} (with REDIRECT); {also.words} (by RESP3)") from None

    def ping(self) -> None:
        """Send a PING: when its reply arrives, every earlier message has arrived too."""
        self._translate_errors(self._connection.send_command, "PING", check_health=False)

    def receive(self, seconds: float) -> TrackingMessage | None:
        """The next message; None if there is none within `seconds`."""
        return self._translate_errors(self._receive, seconds)

    def close(self) -> None:
        self._connection.disconnect()

    def _subscribe(self) -> None:
        self._connection.connect()
        own_id = self._ask("CLIENT", "ID")
        self._ask("CLIENT", "TRACKING", "ON", "REDIRECT", own_id, "BCAST", *self._options)
        self._ask("SUBSCRIBE", CHANNEL)

    def _ask_for_pushes(self) -> None:
        self._connect_by_resp3()
        # redis-py hands push messages to its own handlers; this one hands them on.
        self._connection._parser.set_invalidation_push_handler(lambda message: message)
        self._ask("CLIENT", "TRACKING", "ON", "BCAST", *self._options)

    def _connect_by_resp3(self) -> None:
        try:
            self._connection.connect()
        except RedisError as error:
            if isinstance(error.__cause__ or error, ResponseError) or "RESP" in str(error):
                raise TrackingRefused(connection.reason_of(error)) from error
            raise

    def _ask(self, *command: Any) -> Any:
        """Raises TrackingRefused, with the server's words, if it answers with an error."""
        self._connection.send_command(*command)
        try:
            return self._connection.read_response()
        except connection.NOT_THE_PRIMARY:
            raise
        except ResponseError as error:
            raise TrackingRefused(connection.reason_of(error)) from error

    def _receive(self, seconds: float) -> TrackingMessage | None:
        if not self._connection.can_read(timeout=seconds):
            return None
        if self._pushed:
            return self._receive_push()
        reply = self._connection.read_response()
        if not isinstance(reply, list):  # a plain PONG: this connection has lost its subscription, and receives nothing
            raise RedisError("the subscription was lost")
        if reply[0] == b"message":
            return TrackingMessage(everything=reply[2] is None, keys=[name.decode() for name in reply[2] or ()])
        return TrackingMessage(is_pong=reply[0] == b"pong")

    def _receive_push(self) -> TrackingMessage | None:
        reply = self._connection.read_response(push_request=True)
        if not isinstance(reply, list):  # a push of another kind has been handled, and leaves None
            return None if reply is None else TrackingMessage(is_pong=True)
        return TrackingMessage(everything=reply[1] is None, keys=[name.decode() for name in reply[1] or ()])

    def _translate_errors(self, operation: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        try:
            return operation(*args, **kwargs)
        except TrackingRefused:
            self.close()
            raise
        except connection.CONNECTION_ERRORS as error:
            self.close()
            raise StoreUnavailable(connection.reason_of(error)) from error
