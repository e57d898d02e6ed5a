"""Connections to the primary of a service; each connection asks Sentinel for it.

redis-py has pools of its own for this; none of them bounds how many connections a process has and how long a thread
waits for one, as the site's pool does, so only their part of the connection is written here.
"""

import threading
from collections.abc import Sequence
from typing import Any

from redis import ConnectionError as RedisConnectionError
from redis import RedisError
from redis.connection import Connection, SSLConnection

Address = tuple[str, int]


class NoPrimary(RedisConnectionError):
    """Sentinel names no primary. The text says why, and quotes no address."""


class Sentinels:
    """The sentinels of one service. `options` are those of a connection: credentials, timeouts, TLS. Thread-safe."""

    def __init__(self, addresses: Sequence[Address], service: str, *, tls: bool, **options: Any) -> None:
        self.service = service
        self._class = SSLConnection if tls else Connection
        self._options = options
        self._lock = threading.Lock()
        self._addresses = list(addresses)
        self.in_use: Address | None = None  # where the last connection was made to

    def primary(self) -> Address:
        """The primary's address, by the first sentinel that knows one. Raises NoPrimary.

        The sentinel that answered last is asked first.
        """
        why = "no Sentinel answers"
        for address in list(self._addresses):
            try:
                found = self._ask(address)
            except (RedisError, OSError) as error:
                if not isinstance(error, RedisConnectionError | OSError):  # its own words: NOAUTH, NOPERM
                    why = f"Sentinel refuses: {error}"
                continue
            if found is None:
                why = "Sentinel knows no such service as REDIS_URL names"
                continue
            with self._lock:
                self._addresses.remove(address)
                self._addresses.insert(0, address)
            return found
        raise NoPrimary(why)

    def primary_or_last_known(self) -> Address:
        """While no sentinel answers there is no failover either. Raises NoPrimary."""
        try:
            return self.primary()
        except NoPrimary:
            if self.in_use is None:
                raise
            return self.in_use

    def _ask(self, address: Address) -> Address | None:
        connection: Any = self._class(host=address[0], port=address[1], **self._options)
        try:
            connection.connect()
            connection.send_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.service)
            reply = connection.read_response()
        finally:
            connection.disconnect()
        return (reply[0].decode(), int(reply[1])) if reply else None


class _FollowsSentinel:
    """A connection that asks Sentinel for its address each time that it connects."""

    def __init__(self, *, sentinels: Sentinels, **options: Any) -> None:
        self._sentinels = sentinels
        super().__init__(**options)

    def _connect(self) -> Any:
        self.host, self.port = self._sentinels.primary_or_last_known()
        found = super()._connect()  # type: ignore[misc]  # a mixin: the classes below bring _connect
        self._sentinels.in_use = (self.host, self.port)
        return found


class SentinelConnection(_FollowsSentinel, Connection):
    """A connection without TLS."""


class SentinelTLSConnection(_FollowsSentinel, SSLConnection):
    """A connection with TLS, which the sentinels speak too."""
