"""Logins and session tokens."""

import hmac
import secrets
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import count
from threading import Lock

import msgspec

from broker.simulator.options import SimulatorOptions
from broker.simulator.wire import Clock


class Sessions:
    """Tokens are valid until midnight IST of the day of the login, or until logout."""

    def __init__(self, options: SimulatorOptions, now: Clock) -> None:
        self._client_id = options.client_id
        self._checksum = checksum(options.client_id, options.auth_code, options.app_secret)
        self._now = now
        self._key = secrets.token_bytes(32)
        self._numbers = count(1)
        self._ends: dict[str, datetime] = {}
        self._lock = Lock()

    def open(self, claimed_checksum: str) -> str | None:
        """Return a new token, or None if the checksum is not the account's."""
        if not hmac.compare_digest(claimed_checksum.encode(), self._checksum.encode()):
            return None
        with self._lock:
            now = self._now()
            self._ends = {token: end for token, end in self._ends.items() if now < end}
            end = midnight_after(now)
            token = self._token(now, end)
            self._ends[token] = end
            return token

    def tokens(self) -> list[str]:
        """Those that were given out since midnight and not closed."""
        with self._lock:
            return list(self._ends)

    def is_active(self, token: str) -> bool:
        with self._lock:
            end = self._ends.get(token)
        return end is not None and self._now() < end

    def close(self, token: str) -> None:
        with self._lock:
            self._ends.pop(token, None)

    def close_all(self) -> None:
        with self._lock:
            self._ends.clear()

    def _token(self, now: datetime, end: datetime) -> str:
        claims = {
            "preferred_username": self._client_id,
            "iat": int(now.timestamp()),
            "exp": int(end.timestamp()),
            "jti": str(next(self._numbers)),
        }
        signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
        return f"{signed}.{_base64(hmac.digest(self._key, signed.encode(), 'sha256'))}"


def checksum(client_id: str, auth_code: str, app_secret: str) -> str:
    return sha256(f"{client_id}{auth_code}{app_secret}".encode()).hexdigest()


def midnight_after(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _part(content: dict[str, object] | dict[str, str]) -> str:
    return _base64(msgspec.json.encode(content))


def _base64(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
