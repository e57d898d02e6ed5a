"""The session's token for the stream, read from the database each time."""

import time
from collections.abc import Callable

from broker import conf
from broker.errors import BrokerLoginRequired
from broker.iifl.client import default_client
from broker.iifl.session import TokenStore

LOGIN_INTERVAL = 10.0  # seconds between two logins because the stream refuses the token of the first


class SessionTokens:
    """With the simulator the site logs in by itself; with a real account a person does, once a day."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, store: TokenStore | None = None) -> None:
        self._clock = clock
        self._store = store or TokenStore()
        self._log_in_at = float("-inf")

    def current(self, refused: str | None) -> str | None:
        """Return the token of now, or None if a login is needed. Raises BrokerError, DatabaseError."""
        token = self._store.reload()
        if not conf.simulated():
            return token
        if token is not None and token == refused and self._clock() >= self._log_in_at:
            self._store.invalidate(token)
            token = None
        if token is None:
            self._log_in_at = self._clock() + LOGIN_INTERVAL
            default_client().forget_session()
            try:
                default_client().require_session()
            except BrokerLoginRequired:
                return None
            token = self._store.reload()
        return token
