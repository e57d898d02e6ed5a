"""Keeps one connection to the stream, with its own reconnection and subscriptions.

The set of topics that are wanted stands apart from the set that the server has acknowledged: after each CONNACK all
wanted topics are subscribed again. The token is read before each attempt; when the server refuses it, nothing is tried
until somebody has logged in.

Updates of orders go before prices: they are passed on as soon as they are read, while the other packets wait until the
socket is empty, or in turns with it.
"""

import logging
import random
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from enum import StrEnum
from typing import Protocol

from broker.iifl.session import preferred_username
from broker.stream import topics
from broker.stream.connection import Address, Connection, ConnectionEnded, TokenRefused

logger = logging.getLogger(__name__)

CHUNK = 500  # topics in a request
MIN_DELAY, MAX_DELAY = 2.0, 60.0  # seconds before a reconnection, shortened by chance to no less than half
STABLE_AFTER = 30.0  # seconds: after a connection that lasted so long, the delays start from the shortest again
TOKEN_CHECK = 2.0  # seconds between two looks at the stored token
RETRY_REFUSED = 60.0  # seconds after which refused topics are asked for again
LOOP_SLICE = 0.1  # seconds
PASSED_ON_AT_ONCE = 100  # packets between two looks at the socket, while updates of orders may be in it
MAX_WAITING = 20_000  # packets: beyond, they are passed on before more is read


class ClientState(StrEnum):
    CONNECTING = "connecting"
    CONNECTED = "connected"
    WAITING = "waiting"  # before the next attempt
    LOGIN_REQUIRED = "login_required"
    STOPPED = "stopped"


class Listener(Protocol):
    """What the client calls, in its own thread. An exception is logged and goes no further."""

    def connected(self) -> None:
        """A connection is up; nothing is subscribed yet."""

    def disconnected(self, reason: str) -> None:
        """It is over."""

    def token_refused(self) -> None:
        """The server does not accept the session's token; nothing is tried until there is another."""

    def subscribed(self, topics: Sequence[str], refused: Sequence[str]) -> None:
        """The server has answered a request."""

    def received(self, topic: str, payload: bytes, retained: bool) -> None:
        """A packet has arrived."""


class Tokens(Protocol):
    """Where the session's token comes from."""

    def current(self, refused: str | None) -> str | None:
        """Return the token of now, or None if a login is needed; `refused` is one that the server did not accept."""


class StreamClient:
    """`run` is the client's thread; the other methods may be called from any."""

    def __init__(
        self,
        address: Address,
        tokens: Tokens,
        listener: Listener,
        *,
        name: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`name` begins the client id, and is the user name if the token has none."""
        self._address = address
        self._tokens = tokens
        self._listener = listener
        self._name = name
        self._clock = clock
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._wanted: dict[str, None] = {}
        self._changed = True
        self._refused_token: str | None = None
        self._retry_at = 0.0
        self._waiting: deque[tuple[str, bytes, bool]] = deque()
        self.state = ClientState.STOPPED
        self.reason = ""
        self.acknowledged: set[str] = set()
        self.refused: set[str] = set()
        self.caught_up_at = float("-inf")  # when all that had arrived was handled
        self.user = ""

    def want(self, topics: Collection[str]) -> None:
        """Replace the set of topics, the most important first."""
        with self._lock:
            if self._wanted.keys() != set(topics):
                self._wanted = dict.fromkeys(topics)
                self._changed = True

    @property
    def follows_orders(self) -> bool:
        """Whether the server sends the updates of the account's orders and trades."""
        return self.acknowledged.issuperset(topics.of_account(self.user))

    @property
    def orders_refused(self) -> bool:
        """Whether it has refused to send them."""
        return self.refused.issuperset(topics.of_account(self.user))

    def stop(self) -> None:
        self._stop.set()

    def run(self) -> None:
        """Connect, and connect again, until `stop`. Never raises."""
        delay = MIN_DELAY
        while (token := self._wait_for_token()) is not None:
            started = self._clock()
            needs_token = self._connect_once(token)
            if needs_token or self._clock() - started >= STABLE_AFTER:
                delay = MIN_DELAY
            if not needs_token:  # another token is tried at once
                self._pause(delay * random.uniform(0.5, 1.0))  # noqa: S311 - chance spreads the attempts and protects nothing
                delay = min(MAX_DELAY, 2 * delay)
        self.state = ClientState.STOPPED

    def _connect_once(self, token: str) -> bool:
        """Follow one connection to its end; return whether it takes another token to go on."""
        try:
            self._run_connection(token)
        except TokenRefused:
            self._refused_token, self.reason = token, "the stream refuses the session's token"
            # The feed's state says it with a warning if no other token can be had: the site may log in by itself.
            logger.info("broker: the stream refuses the session's token; another one is needed")
            self._tell(self._listener.token_refused)
            return True
        except TokenChanged as error:
            self.reason = str(error)
            logger.info("broker: the stream connects again: %s", error)
            return True
        except ConnectionEnded as error:
            self.reason = str(error)
        except Exception:  # a bug must not end the client's thread: it connects again
            self.reason = "an unexpected error"
            logger.exception("broker: the stream's client failed")
        return False

    def _pause(self, seconds: float) -> None:
        if not self._stop.is_set():
            self.state = ClientState.WAITING
            logger.warning("broker: the stream is disconnected (%s), connecting in %.1f s", self.reason, seconds)
            self._stop.wait(seconds)

    def _wait_for_token(self) -> str | None:
        """Return a token that was not refused; None if the client is stopped meanwhile."""
        while not self._stop.is_set():
            try:
                token = self._tokens.current(self._refused_token)
            except Exception as error:  # the database is away, or the broker to which the site logs in by itself
                self._say_unreadable(error)
            else:
                if token is not None and token != self._refused_token:
                    return token
                self.state = ClientState.LOGIN_REQUIRED
            self._stop.wait(TOKEN_CHECK)
        return None

    def _say_unreadable(self, error: Exception) -> None:
        reason = f"the session's token cannot be read ({type(error).__name__})"
        if (self.state, self.reason) != (ClientState.WAITING, reason):
            logger.warning("broker: the stream waits: %s", reason)
        self.state, self.reason = ClientState.WAITING, reason

    def _run_connection(self, token: str) -> None:
        self.state = ClientState.CONNECTING
        self.user = preferred_username(token) or self._name  # by which the stream knows the account
        connection = Connection(
            self._address,
            client_id=f"{self._name}-{secrets.token_hex(6)}",
            user=self.user,
            token=token,
            on_message=self._received,
            on_suback=self._subscribed,
            clock=self._clock,
        )
        reason = "stopped"
        try:
            self._refused_token, self.reason = None, ""
            self.acknowledged, self.refused = set(), set()
            self._changed, self._retry_at = True, self._clock() + RETRY_REFUSED
            self.state = ClientState.CONNECTED
            self._tell(self._listener.connected)
            logger.info("broker: the stream is connected")
            self._follow(connection, token)
        except ConnectionEnded as error:
            reason = str(error)
            raise
        finally:
            connection.close()
            self._pass_on(len(self._waiting))
            self.acknowledged = set()
            self._tell(self._listener.disconnected, reason)

    def _follow(self, connection: Connection, token: str) -> None:
        look_at_token = self._clock() + TOKEN_CHECK
        while not self._stop.is_set():
            has_work = self._waiting or (self._changed and not connection.is_subscribing)
            connection.run_once(0 if has_work else LOOP_SLICE)
            self._pass_on(max(PASSED_ON_AT_ONCE, len(self._waiting) - MAX_WAITING))
            if not (self._waiting or connection.has_unread()):
                self.caught_up_at = self._clock()
            now = self._clock()
            if self.refused and now >= self._retry_at:
                self.refused, self._changed, self._retry_at = set(), True, now + RETRY_REFUSED
            if self._changed and not connection.is_subscribing:
                self._subscribe_next(connection)
            if now >= look_at_token:
                look_at_token = now + TOKEN_CHECK
                self._check_token(token)

    def _check_token(self, token: str) -> None:
        """End the connection if its token is no longer the session's: at midnight, or after another login."""
        try:
            current = self._tokens.current(None)
        except Exception:  # the token's source is away: a token is not known to have ended, so the connection stays
            return
        if current != token:
            raise TokenChanged("the session has ended" if current is None else "another session has begun")

    def _subscribe_next(self, connection: Connection) -> None:
        """Send the next request; its answer leads to the one after it."""
        with self._lock:
            wanted = self._wanted
            self._changed = False
        missing = [topic for topic in wanted if topic not in self.acknowledged and topic not in self.refused]
        surplus = [topic for topic in self.acknowledged if topic not in wanted]
        if surplus:
            connection.unsubscribe(surplus[:CHUNK])
            self.acknowledged = self.acknowledged.difference(surplus[:CHUNK])
        if missing:
            connection.subscribe(missing[:CHUNK])
        if (
            len(missing) > CHUNK or len(surplus) > CHUNK
        ):  # `want` may have set it meanwhile, so it is never cleared here
            self._changed = True

    def _subscribed(self, topics: Sequence[str], granted: Sequence[bool]) -> None:
        refused = [topic for topic, is_granted in zip(topics, granted, strict=True) if not is_granted]
        self.acknowledged = self.acknowledged.union(topics).difference(refused)
        self.refused = self.refused.union(refused)
        self._changed = True
        if refused:
            logger.warning("broker: the stream refuses %d subscriptions, such as %s", len(refused), refused[0])
        self._tell(self._listener.subscribed, topics, refused)

    def _received(self, topic: str, payload: bytes, retained: bool) -> None:
        if topics.is_of_account(topic):
            self._tell(self._listener.received, topic, payload, retained)
        else:
            self._waiting.append((topic, payload, retained))

    def _pass_on(self, most: int) -> None:
        """Pass on packets that have waited, `most` at the most."""
        for _ in range(min(most, len(self._waiting))):
            self._tell(self._listener.received, *self._waiting.popleft())

    def _tell(self, call: Callable[..., None], *facts: object) -> None:
        """An exception must not end the thread: the connection would stay open, and mute."""
        try:
            call(*facts)
        except Exception:  # the listener is another module's code: its bug must not end the thread that reads
            logger.exception("broker: the stream's listener failed")


class TokenChanged(ConnectionEnded):
    """The session has another token than the connection's, or none."""
